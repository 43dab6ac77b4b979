/** rump net: networks of rump kernels from a file. */
import { existsSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { AF_INET } from "../../src/abi/flags.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import { parseIpv4 } from "../../src/lib/inet.ts";
import { connect } from "../../src/rump.ts";
import { assert, assertEquals } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const SOCK_RAW = 3;
const IPPROTO_ICMP = 1;
/** An echo request with a right checksum: type 8, identifier and sequence 0. */
const ECHO = new Uint8Array([8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
const IP_TTL_AT = 8;

/** Two networks, one of them slow, and who passes on between them. */
const lab = {
  hosts: {
    a: { links: { left: "10.1.0.2/24" }, routes: { default: "10.1.0.1" } },
    router: { links: { left: "10.1.0.1/24", right: "10.2.0.1/24" } },
    b: { links: { right: "10.2.0.2/24" }, routes: { default: "10.2.0.1" } },
  },
  links: { right: { delay: "20ms" }, left: { fast: true } },
};
const write = (sh: Shell, what: unknown) => writeFileSync(`${sh.dir}/lab.json`, JSON.stringify(what));
async function withLab(work: (sh: Shell) => void | Promise<void>): Promise<void> {
  await within(async (sh) => {
    write(sh, lab);
    sh.must("rump net -b lab.json");
    try {
      await work(sh);
    } finally {
      sh.run("rump net lab.json down");
    }
  });
}
/** Milliseconds until an echo comes back, and the time to live it has then. */
async function ping(locator: string, to: string): Promise<readonly [ms: number, ttl: number]> {
  const { sys, close } = await connect(locator, "ping");
  const s = (await sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol: IPPROTO_ICMP })) as number;
  const buf = new Uint8Array(128);
  const t = performance.now();
  await sys.sendto({ s, buf: ECHO, flags: 0, to: sockaddrIn(parseIpv4(to)!, 0) });
  await sys.read({ fd: s, buf });
  close();
  return [performance.now() - t, buf[IP_TTL_AT]!];
}

describe("rump net", () => {
  it("an echo goes from host to host by the one between, over a link that is slow both ways", () =>
    withLab(async (sh) => {
      const [ms, ttl] = await ping(`unix://${sh.dir}/lab.run/a.sock`, "10.2.0.2");
      assertEquals(ttl, 254);
      assert(ms >= 40);
    }));
  it("a bus file that somebody empties is mended, and the network goes on", () =>
    withLab(async (sh) => {
      await ping(`unix://${sh.dir}/lab.run/a.sock`, "10.2.0.2");
      sh.must("sleep 0.2; : >lab.run/right.bus; sleep 0.2");
      assertEquals(sh.must("stat -c %s lab.run/right.bus"), "1048576\n");
      const [, ttl] = await ping(`unix://${sh.dir}/lab.run/a.sock`, "10.2.0.2");
      assertEquals(ttl, 254);
    }));
  it("routes of IPv6 are laid, too, and who passes on IPv4 passes on IPv6", () =>
    within((sh) => {
      const [a, b] = ["fd00:1::2/64", "fd00:2::2/64"];
      write(sh, {
        hosts: {
          a: { links: { left: a }, routes: { "fd00:2::/64": "fd00:1::1" } },
          router: { links: { left: ["10.1.0.1/24", "fd00:1::1/64"], right: "fd00:2::1/64" } },
          b: { links: { right: b }, routes: { default: "fd00:2::1" } },
        },
      });
      sh.must("rump net -b lab.json");
      const answered = sh.until("rump net lab.json exec a timeout 2 rump.ping6 -n -o fd00:2::2 >/dev/null 2>&1");
      sh.must("rump net lab.json down");
      assert(answered);
    }));
  it("a route by way of the other family's gateway is refused", () =>
    within((sh) => {
      write(sh, { hosts: { a: { links: { left: "10.1.0.2/24" }, routes: { "fd00::/64": "10.1.0.1" } } } });
      const { status, err } = sh.run("rump net lab.json");
      const why = "hosts.a.routes.fd00::/64: 10.1.0.1: one is IPv4, the other IPv6";
      assertEquals([status, err], [1, `rump.net: lab.json: ${why}\n`]);
    }));
  it("tells where each host is", () =>
    within((sh) => {
      write(sh, lab);
      const dir = `${sh.must("pwd").trim()}/lab.run`;
      const lines = ["a", "router", "b"].map((h) => `${h} RUMP_SERVER=unix://${dir}/${h}.sock\n`);
      assertEquals(sh.must("rump net -b lab.json; rump net lab.json down"), lines.join(""));
    }));
  it("tells nobody where hosts are that did not come up", () =>
    within((sh) => {
      write(sh, { hosts: { a: { links: { left: "10.1.0.2/24" }, routes: { default: "10.9.0.1" } } } });
      const { status, out } = sh.run("rump net -b lab.json");
      assertEquals([status, out], [1, ""]);
    }));
  it("exec runs a command with a host as its server, and ends with its status", () =>
    withLab((sh) => {
      const asked = (h: string) =>
        sh.must(`rump net lab.json exec ${h} rump.sysctl -n kern.hostname net.inet.ip.forwarding`);
      assertEquals([asked("a"), asked("router")], ["a\n0\n", "router\n1\n"]);
      assertEquals(sh.run("rump net lab.json exec a sh -c 'exit 7'").status, 7);
    }));
  it("down leaves no process and no file", () =>
    within((sh) => {
      write(sh, lab);
      sh.must("rump net -b lab.json");
      const pid = /process (\d+)/.exec(sh.run("rump net -b lab.json").err)![1];
      sh.must("rump net lab.json down");
      assertEquals(sh.must("ls"), "lab.json\n");
      // Who is to hear of its end may not have listened yet.
      assert(sh.until(`! grep -q "^State:.[^Z]" /proc/${pid}/status 2>/dev/null`));
    }));
  it("^C does the same", () =>
    within(async (sh) => {
      write(sh, lab);
      const net = sh.start("rump net lab.json");
      assert(sh.until("test -S lab.run/b.sock"));
      assert(sh.until("rump net lab.json exec b rump.sysctl -n kern.hostname >/dev/null 2>&1"));
      net.kill("SIGINT");
      assertEquals(await net.ended, 0);
      assertEquals(existsSync(`${sh.dir}/lab.run`), false);
    }));
  it("what one that was killed has left is in nobody's way", () =>
    within(async (sh) => {
      write(sh, lab);
      const net = sh.start("rump net lab.json");
      assert(sh.until("rump net lab.json exec b rump.sysctl -n kern.hostname >/dev/null 2>&1"));
      net.kill("SIGKILL");
      await net.ended;
      sh.must("rump net -b lab.json && rump net lab.json exec b rump.sysctl kern.hostname && rump net lab.json down");
      assertEquals(sh.must("ls"), "lab.json\n");
    }));
  it("a second one of the same file is refused", () =>
    withLab((sh) => {
      assert(/^rump.net: lab.json: up already: process \d+\n$/.test(sh.run("rump net -b lab.json").err));
    }));
  it("a host that is halted goes alone", () =>
    withLab((sh) => {
      sh.must("rump net lab.json exec a rump.halt");
      assertEquals(sh.must("rump net lab.json exec b rump.sysctl -n kern.hostname"), "b\n");
    }));
  it("--graph draws hosts, links and addresses", () =>
    within((sh) => {
      write(sh, lab);
      const svg = sh.must("rump net --graph lab.json");
      for (const word of ["a", "router", "b", "left", "right", "10.2.0.1/24"]) assert(svg.includes(`>${word}</text>`));
      sh.must("rump net --graph lab.json | python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.stdin.buffer)'");
    }));
  it(
    "a bus file the disk has no room for is refused, and the server lives on",
    { skip: process.getuid?.() !== 0 },
    () =>
      within((sh) => {
        const { out, err } = sh.run(`mkdir small; unshare -m --propagation private sh -c '
        mount -t tmpfs -o size=256k tmpfs small; export RUMP_SERVER=unix://sock
        rump_server -l rumpnet_netinet -l rumpnet_shmif unix://sock
        rump.ifconfig shmif0 create linkstr small/bus; rump.sysctl -n kern.ostype; rump.halt'`);
        assertEquals([out, err], ["NetBSD\n", "rump.ifconfig: SIOCSLINKSTR shmif0: No space left on device\n"]);
      }),
  );
  it("a device is not read to its end, which it may not have", () =>
    within((sh) =>
      assertEquals(sh.run("rump net --graph /dev/zero").err, "rump.net: /dev/zero: a device, not a file\n")
    ));
  for (
    const [what, file, reason] of [
      ["no JSON", undefined, "not JSON: "],
      ["no key hosts", {}, "hosts: "],
      ["a file of no host", { hosts: {} }, "hosts: there are none"],
      ["a host named as what is skipped", { hosts: { a: {}, constructor: {} } }, "constructor: not a name"],
      [
        "a fault of a link that is misspelt",
        { hosts: { a: { links: { left: "10.0.0.1/8" } } }, links: { lfet: { loss: "1%" } } },
        "links.lfet: no host is on this link",
      ],
      ["a name that is none", { hosts: { "../x": {} } }, "not a name of letters, digits, - and _"],
      [
        "an address without a length",
        { hosts: { a: { links: { l: "10.0.0.1" } } } },
        "hosts.a.links.l: 10.0.0.1: not an address",
      ],
      ["a word nobody knows", { hosts: { a: { adress: 1 } } }, "hosts.a.adress"],
      [
        "a share above 1",
        { hosts: { a: { links: { l: "10.0.0.1/8" } } }, links: { l: { loss: "200%" } } },
        "links.l.loss: not a share of 0 to 100%",
      ],
      [
        "a time without a unit",
        { hosts: { a: { links: { l: "10.0.0.1/8" } } }, links: { l: { delay: "10" } } },
        "links.l.delay: not a time, as 10ms",
      ],
      ["a gateway on no link", { hosts: { a: { routes: { default: "10.9.9.9" } } } }, "a: Network is unreachable"],
    ] as const
  ) {
    it(`${what} is one line and status 1, and nothing is up`, () =>
      within((sh) => {
        writeFileSync(`${sh.dir}/lab.json`, file ? JSON.stringify(file) : "{");
        const { status, err } = sh.run("rump net -b lab.json");
        assertEquals([status, err.split("\n").length, err.includes(`rump.net: lab.json: `)], [1, 2, true]);
        assert(err.includes(reason));
        assertEquals(sh.must("ls"), "lab.json\n");
      }));
  }
});
