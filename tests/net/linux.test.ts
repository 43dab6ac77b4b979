/** What is more than data, agreed on with Linux' own TCP/IP: urgent data, ECN, groups, options of the header. */
import { after, before, describe, it } from "node:test";
import { AF_INET, MSG_OOB, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { IP_ADD_MEMBERSHIP } from "../../src/abi/inet_options.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { assert, assertEquals } from "../assert.ts";
import { bytes, int, intOf, sin, text } from "./helpers.ts";
import { Netns, noNetns, OURS, said } from "./netns.ts";

const skip = noNetns() ?? false;

describe("with Linux", { skip }, () => {
  let ns: Netns;
  let sys: Awaited<ReturnType<Netns["host"]>>["sys"];
  before(async () => {
    ns = new Netns();
    ({ sys } = await ns.host("ecn"));
    ns.must("ip", "netns", "exec", ns.name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/tcp_ecn");
  });
  after(() => ns.close());
  const listening = async (port: number) => {
    const l = await sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
    await sys.bind({ s: l, name: sin(OURS, port) });
    await sys.listen({ s: l, backlog: 1 });
    return l;
  };

  it("urgent data: its byte and its mark, both ways", async () => {
    const l = await listening(6000);
    const theirs = ns.python(`
s = tcp(6000); s.send(b"ab"); s.send(b"c!", 1); s.send(b"d"); s.recv(1)
poll = select.poll(); poll.register(s, select.POLLPRI); poll.poll(10000)
print(s.recv(1, 1), s.recv(9))`);
    const k = await sys.accept({ s: l });
    const buf = new Uint8Array(20);
    for (let got = ""; got === "";) {
      got = await Promise.resolve(sys.recvfrom({ s: k, buf, flags: MSG_OOB })).then(
        (n) => text(buf.subarray(0, n)),
        () => "",
      );
      if (got) assertEquals(got, "!");
      else await new Promise((resolve) => setTimeout(resolve, 10));
    }
    let before = "";
    const atMark = async () => {
      const data = int(0);
      await sys.ioctl({ fd: k, com: SIOC.SIOCATMARK, data });
      return intOf(data);
    };
    while (!await atMark()) before += text(buf.subarray(0, await sys.read({ fd: k, buf })));
    assertEquals(before, "abc");
    assertEquals(text(buf.subarray(0, await sys.read({ fd: k, buf }))), "d");
    await sys.write({ fd: k, buf: bytes("x") });
    await sys.sendto({ s: k, buf: bytes("y?"), flags: MSG_OOB });
    assertEquals(await theirs, "b'?' b'y'\n");
    await sys.close({ fd: k });
  });
  it("ECN is agreed on, whoever connects, and much data goes with it", async () => {
    const out = await ns.python(`
def ecn(s): return bool(s.getsockopt(6, 11, 104)[5] & 8)
s = tcp(19); a = ecn(s); n = 0
while n < 16 << 20: n += len(s.recv(1 << 18))
print(a)`);
    assertEquals(out, "True\n");
    const child = ns.start(
      "python3",
      "-u",
      "-c",
      `import socket
s = socket.socket(); s.bind(("10.9.0.1", 5001)); s.listen(1); print("listening"); c, _ = s.accept()
print("ecn", bool(c.getsockopt(6, 11, 104)[5] & 8)); c.recv(9)`,
    );
    await said(child, "listening");
    const done = said(child, "ecn True");
    const s = await sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 });
    await sys.connect({ s, name: sin("10.9.0.1", 5001) });
    await done;
    await sys.close({ fd: s });
  });
  it("groups: it hears us, we hear it, and our reports are what its kernel takes for IGMP", async () => {
    const r = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
    await sys.bind({ s: r, name: sin("0.0.0.0", 6001) });
    const child = ns.start(
      "python3",
      "-u",
      "-c",
      `import socket, struct
raw = socket.socket(2, 3, 2); raw.setsockopt(0, 35, socket.inet_aton("224.0.0.22") + socket.inet_aton("10.9.0.1"))
g = socket.socket(2, 2); g.bind(("239.1.1.1", 6001)); g.setsockopt(0, 35, socket.inet_aton("239.1.1.1") + socket.inet_aton("10.9.0.1"))
g.settimeout(10); raw.settimeout(10); print("ready")
while True:
    p, who = raw.recvfrom(2000)
    if who[0] == "10.9.0.2": break
print("report", hex(p[24]), p[32], socket.inet_ntoa(p[36:40]))
print("heard", g.recv(99))
g.setsockopt(0, 32, socket.inet_aton("10.9.0.1")); g.sendto(b"from linux", ("239.1.1.1", 6001))`,
    );
    await said(child, "ready");
    const [report, heard] = [said(child, "report 0x22 4 239.1.1.1"), said(child, "heard b'from us'")];
    await sys.setsockopt({ s: r, level: 0, name: IP_ADD_MEMBERSHIP, val: new Uint8Array([239, 1, 1, 1, 10, 9, 0, 2]) });
    await report;
    const w = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
    await sys.sendto({ s: w, buf: bytes("from us"), flags: 0, to: sin("239.1.1.1", 6001) });
    await heard;
    const buf = new Uint8Array(20);
    const all: string[] = [];
    while (all.length < 2) all.push(text(buf.subarray(0, await sys.recvfrom({ s: r, buf, flags: 0 }))));
    assertEquals(all.sort(), ["from linux", "from us"]);
  });
  it("ping -R and ping -T see the route and the times", async () => {
    const route = await ns.exec("ping", "-R", "-n", "-c", "1", "-W", "5", OURS);
    assert(/RR:\s+10\.9\.0\.1\s+10\.9\.0\.2\s+10\.9\.0\.1/.test(route), route);
    const times = await ns.exec("ping", "-T", "tsandaddr", "-n", "-c", "1", "-W", "5", OURS);
    assert(/TS:\s+10\.9\.0\.1\s+\d+ absolute[^]*10\.9\.0\.2\s+-?\d+/.test(times), times);
  });
});
