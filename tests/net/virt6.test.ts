/** IPv6 against Linux' own over a TAP device; TAP_BYTES says how much is sent. */
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { AF_INET6, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { IPV6_DSTOPTS, IPV6_HOPOPTS } from "../../src/abi/inet6_options.ts";
import { SysError } from "../../src/abi/errno.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { sin6 } from "./helpers6.ts";
import { Netns, noNetns, said } from "./netns.ts";

const skip = noNetns() ?? false;
const BYTES = Number(process.env.TAP_BYTES ?? 2 ** 30);
const [LINUX, OURS] = ["2001:db8:9::1", "2001:db8:9::2"];
const PRELUDE = `OURS, LINUX = "${OURS}", "${LINUX}"\n`;

/** A host of ours behind a TAP, when both ends' addresses are ready. */
async function linked(...options: string[]) {
  const ns = new Netns();
  // Linux need not ask whether its addresses are anybody's.
  await ns.exec("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0");
  const { sys } = await ns.host(`${OURS}/64`, ...options);
  ns.must("ip", "-n", ns.name, "addr", "add", `${LINUX}/64`, "dev", "tun0", "nodad");
  await ns.exec("ping", "-6", "-c", "1", "-W", "10", OURS).catch(() =>
    ns.exec("ping", "-6", "-c", "1", "-W", "10", OURS)
  );
  return { ns, sys, python: (source: string, ...args: string[]) => ns.python(PRELUDE + source, ...args) };
}

for (const mode of ["offload", "plain"]) {
  describe(`IPv6 over TAP, ${mode}`, { skip }, () => {
    const bytes = mode === "plain" && "Deno" in globalThis ? BYTES / 16 : BYTES;
    let { ns, sys, python } = {} as Awaited<ReturnType<typeof linked>>;
    before(async () => void ({ ns, sys, python } = await linked(mode)));
    after(() => ns.close());

    it("Linux pings it at every address, in fragments where it must", async () => {
      for (const size of ["0", "1452", "1453", "9000", "65507"]) {
        await ns.exec("ping", "-6", "-c", "1", "-W", "5", "-s", size, OURS);
      }
      const neighbours = ns.must("ip", "-n", ns.name, "-6", "neigh");
      assert(/2001:db8:9::2 dev tun0 lladdr b2:0a:/.test(neighbours), neighbours);
      const all = await ns.exec("ping", "-6", "-c", "1", "-W", "5", "ff02::1%tun0");
      assert(/1 received/.test(all), all);
    });
    it("datagrams of any length come back", async () => {
      const out = await python(`
s = socket.socket(socket.AF_INET6, 2); s.settimeout(10); s.connect((OURS, 7))
for n in [0, 1, 2, 1451, 1452, 1453, 4000, 9216]:
    b = pattern(n)[:n]; s.send(b); assert s.recv(1 << 16) == b, n
print("same")`);
      assertEquals(out, "same\n");
    });
    it("a port nobody has is refused, by TCP and by UDP", async () => {
      const out = await python(`
s = socket.socket(socket.AF_INET6, 2); s.connect((OURS, 99)); s.send(b"x"); s.settimeout(5)
try: s.recv(1)
except ConnectionRefusedError: print("refused")
try: tcp(98)
except ConnectionRefusedError: print("refused")`);
      assertEquals(out, "refused\nrefused\n");
    });
    it(`TCP carries ${bytes >> 20} MiB there and back, every byte as it was sent`, async () => {
      const out = await python(
        `
print(echoed(tcp(7), int(sys.argv[1])))`,
        String(bytes),
      );
      assertEquals(out, "True\n");
    });
    it("connects to Linux, by an address of the link, too", async () => {
      const peer = ns.start(
        "python3",
        "-c",
        `import socket
s = socket.socket(socket.AF_INET6); s.bind(("::", 5000)); s.listen(5); print("listening", flush=True)
while True:
    c, _ = s.accept(); n = 0
    while True:
        b = c.recv(1 << 18)
        if not b: break
        n += len(b)
    c.sendall(str(n).encode()); c.close()`,
      );
      await said(peer, "listening");
      const near = /inet6 (fe80[^/]*)/.exec(ns.must("ip", "-n", ns.name, "-6", "addr", "show", "dev", "tun0"))![1]!;
      for (const name of [sin6(LINUX, 5000), sin6(near, 5000, 2)]) {
        const s = await sys.socket({ domain: AF_INET6, type: SOCK_STREAM, protocol: 0 });
        await sys.connect({ s, name });
        const buf = new Uint8Array(100_000).fill(120);
        for (let i = 0; i < 10; i++) await sys.write({ fd: s, buf });
        await sys.shutdown({ s, how: 1 });
        const n = await sys.read({ fd: s, buf });
        assertEquals(new TextDecoder().decode(buf.subarray(0, n)), "1000000");
        await sys.close({ fd: s });
      }
    });
    it("tells its name to who asks for that (iputils' ping -N)", async () => {
      const out = await ns.exec("ping", "-6", "-N", "name", "-c", "1", "-W", "10", OURS);
      assert(/1 received/.test(out) && /: rump-/.test(out), out);
    });
    it("extension headers a program of ours sends are what Linux says came", async () => {
      const peer = ns.start(
        "python3",
        "-u",
        "-c",
        `import socket
s = socket.socket(socket.AF_INET6, 2); s.bind(("::", 5001)); s.setsockopt(41, 53, 1); s.setsockopt(41, 58, 1); print("ready")
data, control, flags, who = s.recvmsg(99, 999)
print("got", data, sorted((t, list(b[1:])) for l, t, b in control))`,
      );
      await said(peer, "ready");
      const told = said(peer, "got b'headers' [(54, [0, 5, 2, 0, 0, 1, 0]), (59, [0, 1, 4, 0, 0, 0, 0])]");
      const s = await sys.socket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 });
      for (
        const [name, header] of [[IPV6_HOPOPTS, [0, 0, 5, 2, 0, 0, 1, 0]], [IPV6_DSTOPTS, [
          0,
          0,
          1,
          4,
          0,
          0,
          0,
          0,
        ]]] as const
      ) {
        await sys.setsockopt({ s, level: 41, name, val: Uint8Array.from(header) });
      }
      await sys.sendto({ s, buf: new TextEncoder().encode("headers"), flags: 0, to: sin6(LINUX, 5001) });
      await told;
      await sys.close({ fd: s });
    });
    it("sockets of both families serve IPv4, too", async () => {
      const out = await ns.python(`s = tcp(7); s.sendall(b"four"); print(s.recv(4))`);
      assertEquals(out, "b'four'\n");
    });
    it("Linux found nothing wrong", async () => {
      const rows = (await ns.exec("cat", "/proc/net/snmp6")).trim().split("\n").map((l) => l.split(/\s+/));
      const bad = rows.filter(([name, n]) => /HdrErrors|AddrErrors|Csum|InErrors|ReasmFails/.test(name!) && n !== "0");
      assertEquals(bad, []);
    });
  });
}

describe("IPv6 and a Linux router", { skip }, () => {
  it("a network it advertises is joined, and what it cannot reach is told", async () => {
    const { ns, sys, python } = await linked();
    try {
      const name = Uint8Array.from([4, 24, 41, 12].flatMap((n) => [n, 0, 0, 0]));
      await sys.__sysctl({ name, newp: new Uint8Array([1, 0, 0, 0]) });
      await ns.exec("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
      await python(`
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58); i = socket.if_nametoindex("tun0"); s.setsockopt(41, 18, 255)
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 1800, 0) + socket.inet_pton(10, "2001:db8:77::")
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0, 0, i))`);
      ns.must("ip", "-n", ns.name, "addr", "add", "2001:db8:77::f/64", "dev", "tun0", "nodad");
      const mac = /lladdr ([0-9a-f:]+)/.exec(ns.must("ip", "-n", ns.name, "-6", "neigh"))![1]!.split(":");
      const half = [Number(`0x${mac[0]}`) ^ 2, ...mac.slice(1).map((x) => Number(`0x${x}`))];
      const hex = [half[0]! << 8 | half[1]!, half[2]! << 8 | 0xff, 0xfe00 | half[3]!, half[4]! << 8 | half[5]!];
      const made = `2001:db8:77::${hex.map((n) => n.toString(16)).join(":")}`.replace("77::", "77:0:");
      await ns.exec("ping", "-6", "-c", "1", "-W", "10", made).catch(() =>
        ns.exec("ping", "-6", "-c", "1", "-W", "10", made)
      );
      const s = await sys.socket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 });
      await sys.connect({ s, name: sin6("2001:4860::1", 9) });
      await sys.write({ fd: s, buf: new Uint8Array(1) });
      await assertRejects(
        () => sys.read({ fd: s, buf: new Uint8Array(9) }) as Promise<unknown>,
        SysError,
        "No route to host",
      );
    } finally {
      ns.close();
    }
  });
});
