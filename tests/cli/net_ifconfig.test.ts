/** rump.ifconfig: what a NetBSD 7.99.34 rump kernel was recorded to show and to answer. */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "../assert.ts";
import { Shell } from "./helpers.ts";

/** What differs from run to run, and our loopback's MTU. */
const settled = (text: string, dir: string) =>
  text.replaceAll(dir, "WORK").replace(/b2:a0(:[0-9a-f]{2}){4}/g, "MAC")
    .replace(/fe80::b0a0:\S+%/g, "fe80::EUI%").replace(/(output:) .*/g, "$1 NUMBERS").replace(
      / mtu (33624|65535)\n/g,
      " mtu LO\n",
    );
const shmif0 = (flags: string, mtu: number, ...lines: string[]) =>
  [`shmif0: flags=${flags} mtu ${mtu}`, "address: MAC", "linkstr: WORK/bus0", ...lines].join("\n\t") + "\n";
const UP = "0x8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST>";
const lo0 = `lo0: flags=0x8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu LO
\tinet6 ::1 prefixlen 128
\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x1
\tinet 127.0.0.1 netmask 0xff000000
`;
const LINK_LOCAL = "inet6 fe80::EUI%shmif0 prefixlen 64 tentative scopeid 0x2";
const FIRST = "inet 10.0.0.1 netmask 0xffffff00 broadcast 10.0.0.255";
const WITH_GLOBAL = [LINK_LOCAL, "inet6 2001:db8::1 prefixlen 64 tentative"];
const NUMBERS = ["input: 0 packets, 0 bytes", "output: NUMBERS"];
const DETACHED = [
  LINK_LOCAL.replace("tentative", "detached"),
  "inet6 2001:db8::1 prefixlen 64 detached",
  `${FIRST} detached`,
];
/** Arguments, what is shown, the exit status and the error. Failures have the interface's name and status 1 everywhere. */
const session: readonly (readonly [args: string, out: string, status?: number, err?: string])[] = [
  ["", lo0],
  ["-a", lo0],
  ["-l", "lo0\n"],
  ["lo0", lo0],
  ["-C", "lo shmif vlan gif\n"],
  ["shmif0", "", 1, "SIOCGIFFLAGS shmif0: Device not configured"],
  ["shmif0 create", ""],
  ["shmif0", "shmif0: flags=0x8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500\n\taddress: MAC\n"],
  ["shmif0 create", "", 1, "SIOCIFCREATE shmif0: File exists"],
  ["shmif0 linkstr $PWD/bus0", ""],
  ["shmif0 inet 10.0.0.1 netmask 255.255.255.0", ""],
  ["shmif0", shmif0(UP, 1500, LINK_LOCAL, FIRST)],
  ["shmif0 inet 10.0.0.77/32 alias", ""],
  [
    "shmif0",
    shmif0(UP, 1500, LINK_LOCAL, FIRST, "inet alias 10.0.0.77 netmask 0xffffffff broadcast 10.0.0.77 tentative"),
  ],
  ["shmif0 inet 10.0.0.77 -alias", ""],
  ["shmif0 inet6 2001:db8::1/64", ""],
  ["shmif0 mtu 1400", ""],
  ["shmif0 mtu 70000", "", 1, "SIOCSIFMTU shmif0: Invalid argument"],
  ["shmif0 down", ""],
  ["shmif0", shmif0("0x8802<BROADCAST,SIMPLEX,MULTICAST>", 1400, ...DETACHED)],
  ["shmif0 up", ""],
  ["nosuch0", "", 1, "SIOCGIFFLAGS nosuch0: Device not configured"],
  ["-l", "lo0 shmif0\n"],
  ["-lu", "lo0 shmif0\n"],
  ["-lb", "shmif0\n"],
  ["-ld", "\n"],
  ["-s shmif0", ""],
  ["-v shmif0", shmif0(UP, 1400, ...NUMBERS, ...WITH_GLOBAL, FIRST)],
  ["-z shmif0", shmif0(UP, 1400, ...NUMBERS, ...WITH_GLOBAL, FIRST)],
  ["shmif0 inet", shmif0(UP, 1400, FIRST)],
  ["shmif1 create", ""],
  ["shmif1 destroy", ""],
  ["shmif1", "", 1, "SIOCGIFFLAGS shmif1: Device not configured"],
  ["lo1 create", ""],
  ["lo1 127.0.1.1", ""],
  [
    "lo1 inet",
    "lo1: flags=0x8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu LO\n\tinet 127.0.1.1 netmask 0xff000000\n",
  ],
  ["lo1 destroy", ""],
];

/** A third party's network card: it has media, and does checksums. */
const CARD = `const media = { GET: 0xc0306936, SET: 0xc0906935, list: [0x20, 0x100026] };
let current = 0x20;
export default {
  kind: "net",
  name: "card",
  create: ({ errno }) => ({
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array([2, 0, 0, 0, 0, 9]),
    offload: { checksum: true, gso: [] },
    up() {},
    down() {},
    output() {},
    ioctl(command, data) {
      const d = new DataView(data.buffer, data.byteOffset, data.length);
      if (command === media.SET) current = d.getInt32(16, true);
      else if (command !== media.GET) throw errno.ENOTTY;
      else {
        [current, 0, 3, 0x100030, media.list.length].forEach((n, i) => d.setInt32(16 + 4 * i, n, true));
        if (data.length >= 56) media.list.forEach((n, i) => d.setInt32(48 + 4 * i, n, true));
      }
    },
  }),
};
`;

describe("rump.ifconfig", () => {
  const sh = new Shell();
  const env = { RUMP_SERVER: `unix://${sh.dir}/sock` };
  const run = (args: string) => sh.run(`rump.ifconfig ${args}`, env);
  before(() =>
    void sh.must("rump_server -l rumpnet_netinet6 -l rumpnet_shmif -l rumpnet_vlan -l rumpnet_gif unix://sock")
  );
  after(() => {
    sh.run("rump.halt", env);
    sh.close();
  });

  it("answers a session as NetBSD's was recorded to", () => {
    for (const [args, out, status = 0, err] of session) {
      const r = run(args);
      const told = { args, status: r.status, out: settled(r.out, sh.dir), err: r.err };
      assertEquals(told, { args, status, out, err: err === undefined ? "" : `rump.ifconfig: ${err}\n` });
    }
  });
  it("-w waits until addresses may be used", () => {
    assertEquals(run("-w 10"), { status: 0, out: "", err: "" });
    assert(!run("").out.includes("tentative"));
  });
  it("an address takes the first one's place; with alias it does not", () => {
    sh.must("rump.ifconfig shmif0 10.0.0.5/24 && rump.ifconfig shmif0 10.9.0.1/16 alias", env);
    const inet = JSON.parse(run("-j shmif0").out)[0].inet;
    assertEquals(inet.map((a: { address: string; prefixlen: number }) => [a.address, a.prefixlen]), [
      ["10.0.0.5", 24],
      ["10.9.0.1", 16],
    ]);
    sh.must("rump.ifconfig shmif0 inet 10.9.0.1 delete", env);
  });
  it("eui64: the interface's part of an IPv6 address is that of its link-local one", () => {
    sh.must("rump.ifconfig shmif0 inet6 2001:db8:1:: eui64", env);
    const all = JSON.parse(run("-j shmif0").out)[0].inet6.map((a: { address: string }) => a.address) as string[];
    const identifier = all.find((a) => a.startsWith("fe80::"))!.slice(6);
    assert(all.includes(`2001:db8:1:0:${identifier}`), all.join());
    sh.must(`rump.ifconfig shmif0 inet6 2001:db8:1:0:${identifier} delete`, env);
  });
  it("-L shows how long IPv6 addresses live yet", () => {
    sh.must("rump.ifconfig shmif0 inet6 2001:db8::7/64 pltime 3000 vltime 7000", env);
    const seconds = /2001:db8::7 prefixlen 64 .*pltime (\d+) vltime (\d+)$/m.exec(run("-L shmif0 inet6").out);
    assert(Number(seconds?.[1]) > 2900 && Number(seconds?.[2]) <= 7000, seconds?.[0]);
    sh.must("rump.ifconfig shmif0 inet6 2001:db8::7 -alias", env);
  });
  it("several settings are made by one command", () => {
    sh.must("rump.ifconfig shmif0 description 'to the lab' metric 3 -arp link0 link 2:0:0:0:0:1", env);
    const [head, told, address] = run("shmif0").out.split("\n\t");
    assertEquals(head, "shmif0: flags=0x98c3<UP,BROADCAST,RUNNING,NOARP,SIMPLEX,LINK0,MULTICAST> metric 3 mtu 1400");
    assertEquals([told, address], ['description: "to the lab"', "address: 02:00:00:00:00:01"]);
    sh.must("rump.ifconfig shmif0 -description metric 0 arp -link0", env);
    assert(run("shmif0").out.startsWith(`shmif0: flags=${UP} mtu 1400\n\taddress`));
  });
  it("what fails ends a command: nothing after it is done", () => {
    const r = run("shmif0 mtu 70000 description never");
    assertEquals([r.status, r.err], [1, "rump.ifconfig: SIOCSIFMTU shmif0: Invalid argument\n"]);
    assert(!run("shmif0").out.includes("never"));
  });
  it("-j shows the same as JSON", () => {
    const [lo] = JSON.parse(run("-j lo0").out);
    assertEquals(Object.keys(lo), ["name", "index", "flags", "mtu", "inet", "inet6", "input", "output"]);
    assertEquals(lo.flags, ["UP", "LOOPBACK", "RUNNING", "MULTICAST"]);
    assertEquals(lo.inet, [{ address: "127.0.0.1", prefixlen: 8, flags: [] }]);
    assertEquals(JSON.parse(run("-j -l").out), ["lo0", "shmif0"]);
  });
  it("all interfaces are shown in two round trips, a setting takes one or two", () => {
    const asked = () => Number(sh.must("rump.sysctl -n rump.sp.requests", env));
    const [a, b] = [asked(), asked()];
    for (
      const [args, trips] of [["-v", 2], ["shmif0 mtu 1400", 1], ["shmif0 up", 2], ["shmif0 10.0.0.9/24", 2]] as const
    ) {
      const before = asked();
      sh.must(`rump.ifconfig ${args}`, env);
      assertEquals([args, asked() - before - (b - a)], [args, trips]);
    }
  });
  it("VLANs and tunnels are made, and shown with what they are of", () => {
    sh.must("rump.ifconfig shmif0 mtu 1500 && rump.ifconfig vlan0 create vlan 5 vlanif shmif0 inet 10.6.0.1/24", env);
    sh.must("rump.ifconfig gif0 create tunnel 10.0.0.1 10.0.0.2 10.5.0.1 10.5.0.2 up", env);
    assertEquals(
      settled(run("vlan0 inet").out, sh.dir),
      `vlan0: flags=${UP} mtu 1496
\tvlan: 5 parent: shmif0
\taddress: 02:00:00:00:00:01
\tinet 10.6.0.1 netmask 0xffffff00 broadcast 10.6.0.255
`,
    );
    assertEquals(
      run("gif0 inet").out,
      `gif0: flags=0x8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1280
\ttunnel inet 10.0.0.1 --> 10.0.0.2
\tinet 10.5.0.1 -> 10.5.0.2 netmask 0xffffffff
`,
    );
    sh.must("rump.ifconfig gif0 deletetunnel && rump.ifconfig gif0 destroy && rump.ifconfig vlan0 destroy", env);
    assertEquals(run("-l").out, "lo0 shmif0\n");
  });
  for (
    const [args, what] of [
      ["shmif0 inet 300.1.1.1", "300.1.1.1: neither a setting nor an address"],
      ["shmif0 bogus", "bogus: neither a setting nor an address"],
      ["shmif0 linkstr", "linkstr: something has to follow"],
      ["shmif0 media", "media: something has to follow"],
      ["shmif0 mtu soon", "soon: not a number that makes sense"],
      ["shmif0 netmask 255.0.0.0", "shmif0: settings of an address, but no address"],
      ["shmif0 inet 10.0.0.1/33", "33: not a number that makes sense"],
      ["shmif0 link 1:2", "1:2: not a link address"],
      ["shmif0 destroy up", "destroy: nothing else can be said with it"],
      ["shmif0 link 2:0:0:0:0:1 delete", "link: its address is changed, not deleted"],
      ["vlan0 vlanif shmif0", "vlanif: vlan N comes first"],
    ] as const
  ) {
    it(`is used wrongly: ${args}`, () => {
      const r = run(args);
      assertEquals([r.status, r.err.split("\n")[0]], [2, `rump.ifconfig: ${what}`]);
    });
  }
  it("media and capabilities of a third party's device are shown, and media are chosen", () => {
    writeFileSync(`${sh.dir}/card.mjs`, CARD);
    const other = { RUMP_SERVER: `unix://${sh.dir}/card` };
    sh.must("rump_server -l rumpnet_netinet -l ./card.mjs unix://card && rump.ifconfig card0 create up", other);
    const head = `card0: flags=${UP} mtu 1500
\tcapabilities=3fc00<TCP4CSUM_Rx,TCP4CSUM_Tx,UDP4CSUM_Rx,UDP4CSUM_Tx>
\tcapabilities=3fc00<TCP6CSUM_Rx,TCP6CSUM_Tx,UDP6CSUM_Rx,UDP6CSUM_Tx>
`;
    const tail = `\taddress: 02:00:00:00:00:09
\tmedia: Ethernet autoselect (1000baseT full-duplex)
\tstatus: active
\tsupported Ethernet media:
\t\tmedia autoselect
\t\tmedia 100baseTX mediaopt full-duplex
`;
    const enabled = head.slice(head.indexOf("\t")).replaceAll("capabilities", "enabled");
    assertEquals(sh.must("rump.ifconfig -m card0", other), head + enabled + tail);
    sh.must("rump.ifconfig card0 media 100baseTX mediaopt full-duplex", other);
    assertStringIncludes(
      sh.must("rump.ifconfig card0", other),
      "\tmedia: Ethernet 100baseTX full-duplex (1000baseT full-duplex)\n",
    );
    const r = sh.run("rump.ifconfig card0 media token-ring", other);
    assertEquals([r.status, r.err.split("\n")[0]], [2, "rump.ifconfig: token-ring: no such media"]);
    sh.must("rump.halt", other);
  });
  it("the same is shown and done over NetBSD's wire, where there are no batches", async () => {
    const program = new URL("netbsd_server.ts", import.meta.url).pathname;
    const runtime = process.execPath + ("Deno" in globalThis ? " run -A --no-check --no-lock" : "");
    const server = sh.start(`${runtime} ${program} unix://netbsd`);
    assert(sh.until("[ -e netbsd ]"));
    const other = { RUMP_SERVER: `unix://${sh.dir}/netbsd` };
    assertEquals(settled(sh.must("rump.ifconfig", other), sh.dir), lo0);
    sh.must("rump.ifconfig shmif0 create linkstr $PWD/bus0 inet 10.0.0.1/24 mtu 1400", other);
    assertEquals(settled(sh.must("rump.ifconfig shmif0", other), sh.dir), shmif0(UP, 1400, LINK_LOCAL, FIRST));
    sh.must("rump.halt", other);
    assertEquals(await server.ended, 0);
  });
  it("says of a server without a network how to start one with it", () => {
    sh.must("rump_server -l rumpvfs unix://other");
    for (const args of ["", "lo0 up", "-C"]) {
      const r = sh.run(`rump.ifconfig ${args}`, { RUMP_SERVER: `unix://${sh.dir}/other` });
      const line = "rump.ifconfig: the server has no network: start it with -l rumpnet_netinet\n";
      assertEquals([r.status, r.err], [1, line]);
    }
    sh.must("rump.halt", { RUMP_SERVER: `unix://${sh.dir}/other` });
  });
});
