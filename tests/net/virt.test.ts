/** The interface virt against Linux' own TCP/IP over a TAP device; TAP_BYTES says how much is sent. */
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { AF_INET, SOCK_RAW, SOCK_STREAM } from "../../src/abi/flags.ts";
import { IPPROTO_ICMP } from "../../src/wire/ipv4.ts";
import { assert, assertEquals } from "../assert.ts";
import { sin } from "./helpers.ts";
import { LINUX, Netns, noNetns, OURS, said } from "./netns.ts";

const skip = noNetns() ?? false;
const BYTES = Number(process.env.TAP_BYTES ?? 2 ** 30);

for (const mode of ["offload", "plain"]) {
  describe(`virt over TAP, ${mode}`, { skip }, () => {
    // Without offload it takes ten seconds: once is enough.
    const bytes = mode === "plain" && "Deno" in globalThis ? BYTES / 8 : BYTES;
    let ns: Netns;
    let sys: Awaited<ReturnType<Netns["host"]>>["sys"];
    before(async () => {
      ns = new Netns();
      ({ sys } = await ns.host(mode));
    });
    after(() => ns.close());

    it("Linux pings it, and learns its link address", async () => {
      const out = await ns.exec("ping", "-c", "3", "-i", "0.01", "-W", "5", OURS);
      assert(out.includes("3 received"), out);
      assert(/10\.9\.0\.2 dev tun0 lladdr b2:0a:/.test(ns.must("ip", "-n", ns.name, "neigh")));
    });
    it("pings of any length up to 65,507 bytes come back, in fragments", async () => {
      for (const size of ["0", "1", "1472", "1473", "9000", "65507"]) {
        await ns.exec("ping", "-c", "1", "-W", "5", "-s", size, OURS);
      }
    });
    it("pings Linux", async () => {
      const s = await sys.socket({ domain: AF_INET, type: SOCK_RAW, protocol: IPPROTO_ICMP });
      const request = new Uint8Array([8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
      await sys.sendto({ s, buf: request, flags: 0, to: sin(LINUX, 0) });
      const buf = new Uint8Array(100);
      const n = await sys.recvfrom({ s, buf, flags: 0 });
      assertEquals([n, buf[20]], [28, 0]);
      await sys.close({ fd: s });
    });
    it("datagrams of any length come back", async () => {
      const out = await ns.python(`
s = socket.socket(2, 2); s.settimeout(10); s.connect((OURS, 7))
for n in [0, 1, 2, 3, 1471, 1472, 1473, 4000, 8999, 9216]:
    b = pattern(n)[:n]; s.send(b); assert s.recv(1 << 16) == b, n
print("same")`);
      assertEquals(out, "same\n");
    });
    it("datagrams that were handed over as one (UDP_SEGMENT) come one by one", async () => {
      const out = await ns.python(`
s = socket.socket(2, 2); s.settimeout(10); s.connect((OURS, 7)); s.setsockopt(17, 103, 1000)
b = pattern(1)[:10500]; s.send(b)
got = [s.recv(1 << 16) for _ in range(11)]
print([len(g) for g in got] == [1000] * 10 + [500], b"".join(got) == b)`);
      assertEquals(out, "True True\n");
    });
    it(`TCP carries ${bytes >> 20} MiB there and back, every byte as it was sent`, async () => {
      const out = await ns.python(
        `
print(echoed(tcp(7), int(sys.argv[1])))`,
        String(bytes),
      );
      assertEquals(out, "True\n");
    });
    it("connects to Linux, and its data comes whole", async () => {
      const peer = ns.start(
        "python3",
        "-c",
        `import socket
s = socket.socket(); s.bind(("${LINUX}", 5000)); s.listen(1); print("listening", flush=True)
c, _ = s.accept(); n = 0
while True:
    b = c.recv(1 << 18)
    if not b: break
    n += len(b) if b.count(120) == len(b) else 0
c.sendall(str(n).encode()); c.close()`,
      );
      await said(peer, "listening");
      const s = await sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
      await sys.connect({ s, name: sin(LINUX, 5000) });
      const buf = new Uint8Array(100_000).fill(120);
      for (let i = 0; i < 50; i++) await sys.write({ fd: s, buf });
      await sys.shutdown({ s, how: 1 });
      const n = await sys.read({ fd: s, buf });
      assertEquals(new TextDecoder().decode(buf.subarray(0, n)), "5000000");
      await sys.close({ fd: s });
    });
    it("three thousand connections at once, each with data of its own", async () => {
      const out = await ns.python(`
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
all = [tcp([7, 17, 27, 37][i % 4]) for i in range(3000)]
for i, s in enumerate(all): s.sendall(pattern(i)[:1000])
def get(s):
    b = b""
    while len(b) < 1000: b += s.recv(1000 - len(b))
    return b
print(sum(get(s) == pattern(i)[:1000] for i, s in enumerate(all)))`);
      assertEquals(out, "3000\n");
    });
    it("connections that are closed, reset or left half-way in any order leave it alive", async () => {
      const out = await ns.python(`
import random; random.seed(1)
for i in range(600):
    s = tcp(random.choice([7, 9, 19])); k = random.randrange(6)
    if k > 0: s.send(b"x" * random.choice([1, 1000, 20000]))
    if k == 1: s.setsockopt(1, 13, struct.pack("ii", 1, 0))
    if k == 2: s.shutdown(1)
    if k == 3: s.shutdown(0)
    if k == 4: s.shutdown(1); s.setsockopt(1, 13, struct.pack("ii", 1, 0))
    s.close()
s = tcp(7); s.sendall(b"alive"); print(s.recv(5))`);
      assertEquals(out, "b'alive'\n");
    });
    it("Linux found no wrong checksum", async () => {
      const wrong = (await ns.exec("sh", "-c", "cat /proc/net/snmp /proc/net/netstat")).split("\n");
      const counters = new Map<string, number>();
      for (let i = 0; i + 1 < wrong.length; i += 2) {
        const [names, values] = [wrong[i]!.split(" "), wrong[i + 1]!.split(" ")];
        for (const [k, name] of names.entries()) counters.set(`${names[0]}${name}`, Number(values[k]));
      }
      const bad = [...counters].filter(([name, n]) => /Csum|InHdrErrors/.test(name) && n > 0);
      assertEquals(bad, []);
    });
  });
}
