/** What we send to Linux over a TAP device, as Wireshark judges it. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "../assert.ts";
import { Netns, noNetns, OURS, said } from "./netns.ts";

const [LINUX6, OURS6] = ["2001:db8:9::1", "2001:db8:9::2"];
const CHECKSUMS = ["ip", "tcp", "udp", "icmp", "icmpv6"].map((p) => `${p}.checksum.status == 0`).join(" || ");

/** Traffic of all kinds: much data, datagrams in fragments, refusals, connections that end in every order. */
const TRAFFIC = `
import random; random.seed(1); time.sleep(0.5); b = b"".join(pattern(i) for i in range(20))
for where in OURS, "${OURS6}":
    family = 10 if ":" in where else 2
    s = socket.create_connection((where, 7)); t = threading.Thread(target=s.sendall, args=(b,)); t.start(); n = 0
    while n < len(b): n += len(s.recv(1 << 18))
    s.close(); u = socket.socket(family, 2); u.connect((where, 7))
    for n in (0, 1, 1452, 1472, 5000): u.send(b[:n]); u.recv(1 << 16)
    u.connect((where, 99)); u.send(b"x")
    try: socket.create_connection((where, 98))
    except ConnectionRefusedError: pass
    for i in range(150):
        s = socket.create_connection((where, random.choice([7, 9, 19]))); k = random.randrange(4)
        if k > 0: s.send(b[:random.choice([1, 1000, 20000])])
        if k == 1: s.setsockopt(1, 13, struct.pack("ii", 1, 0))
        if k == 2: s.shutdown(1)
        s.close()`;

/** What is wrong with frames of ours, as lines of tshark's; `mode`: whether the device makes checksums and cuts segments. */
async function wrong(mode: "plain" | "offload"): Promise<string[]> {
  using ns = new Netns();
  await ns.exec("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0");
  await ns.host(mode, `${OURS6}/64`);
  ns.must("ip", "-n", ns.name, "addr", "add", `${LINUX6}/64`, "dev", "tun0", "nodad");
  const reached = () => ns.exec("ping", "-6", "-c", "1", "-W", "10", OURS6);
  await reached().catch(reached); // while our address is asked for, nobody answers
  const pcap = `${ns.dir}/frames.pcapng`;
  const capture = ns.start("tshark", "-q", "-i", "tun0", "-w", pcap, "-B", "64", "-a", "filesize:90000");
  await said(capture, "Capturing");
  await ns.python(TRAFFIC);
  for (const to of [OURS, OURS6]) await ns.exec("ping", "-c", "2", "-s", "3001", "-i", "0.01", to);
  const ended = new Promise((resolve) => capture.on("close", resolve));
  // What is captured comes to the file by pieces.
  await ns.exec("sleep", "1");
  capture.kill("SIGINT");
  await ended;
  const checks = ["ip", "tcp", "udp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
  const fields = ["ip.version", "frame.number", "_ws.col.Info"].flatMap((f) => ["-e", f]);
  const ours = async (filter: string) => {
    const found = `eth.src[0:2] == b2:0a && (${filter})`;
    const out = await ns.exec("tshark", "-r", pcap, ...checks, "-Y", found, "-T", "fields", ...fields);
    return out.split("\n").filter((l) => /^\d/.test(l));
  };
  const data = await ours("tcp.len > 0");
  assert(["4", "6"].every((v) => data.filter((l) => l.startsWith(v)).length > 100), "data of both was captured");
  // A device that makes checksums is given frames without.
  const sums = mode === "plain" ? CHECKSUMS : "ip.checksum.status == 0";
  return await ours(`_ws.malformed || tcp.analysis.out_of_order || ${sums}`);
}

describe("frames of ours to Linux", { skip: noNetns() ?? false }, () => {
  it("none is malformed, has a wrong checksum, or is a segment out of order, with offload or without", async () => {
    assertEquals(await Promise.all([wrong("plain"), wrong("offload")]), [[], []]);
  });
});
