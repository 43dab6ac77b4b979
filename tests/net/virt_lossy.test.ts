/** TCP with Linux' over a TAP device that loses, doubles and reorders what we send, by a seed. */
import { describe, it } from "node:test";
import process from "node:process";
import { AF_INET, AF_INET6, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { Ifdrv, IfLaddrreq } from "../../src/abi/net_structs.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals } from "../assert.ts";
import { aliasreq, ifreq, named } from "./control.ts";
import { sin6 } from "./helpers6.ts";
import { Netns, noNetns } from "./netns.ts";

const SEED = Number(process.env.NET_SEED ?? (process.env.CI === "true" ? 1 : Math.floor(Math.random() * 1e6)));

const ALL = "loss=1%&duplicate=1%&reorder=5%&corrupt=0.5%&delay=2ms";
const [LINUX6, OURS6] = ["2001:db8:5::1", "2001:db8:5::2"];

/** A host of ours that reaches Linux by a bad link alone; what a program there prints. */
async function overBadLink(faults: string, source: string): Promise<string> {
  using ns = new Netns();
  await ns.exec("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0");
  const { sys } = await ns.host("offload", "rumpnet_lossy", "2001:db8:9::2/64");
  const fd = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  const fd6 = await sys.socket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 });
  await sys.ioctl({ fd, com: SIOC.SIOCIFCREATE, data: ifreq("lossy0") });
  const linkstr = new TextEncoder().encode(`virt:tun5?${faults}&seed=${SEED}\0`);
  const data = new Uint8Array(Ifdrv.size + linkstr.length);
  Ifdrv.write(viewOf(data), 0, { name: "lossy0", length: linkstr.length });
  data.set(linkstr, Ifdrv.size);
  await sys.ioctl({ fd, com: SIOC.SIOCSLINKSTR, data });
  await sys.ioctl({ fd, com: SIOC.SIOCAIFADDR, data: aliasreq("lossy0", "10.9.5.2", "255.255.255.0") });
  const six = named("lossy0", IfLaddrreq.size, IfLaddrreq.at.addr, sin6(OURS6, 0));
  IfLaddrreq.set.prefixlen(viewOf(six), 0, 64);
  await sys.ioctl({ fd: fd6, com: SIOC.SIOCALIFADDR, data: six });
  for (const [address, more] of [["10.9.5.1/24", []], [`${LINUX6}/64`, ["nodad"]]] as const) {
    ns.must("ip", "-n", ns.name, "addr", "add", address, "dev", "tun5", ...more);
  }
  ns.must("ip", "-n", ns.name, "link", "set", "tun5", "up");
  return await ns.python(source);
}

describe("TCP over a bad link to Linux", { skip: noNetns() ?? false }, () => {
  for (
    const [faults, address, mib] of [
      ["loss=2%&delay=1ms", "10.9.5.2", 1],
      ["duplicate=5%&delay=1ms", "10.9.5.2", 1],
      ["reorder=10%&delay=2ms", "10.9.5.2", 1],
      ["corrupt=1%&delay=1ms", "10.9.5.2", 1],
      [ALL, "10.9.5.2", 4],
      [ALL, OURS6, 4],
    ] as const
  ) {
    it(`${faults} (seed ${SEED}): ${mib} MiB to ${address} and back arrive whole`, async () => {
      const connected = `socket.create_connection(("${address}", 7), timeout=30)`;
      const out = await overBadLink(faults, `print(echoed(${connected}, ${mib << 20}))`);
      assertEquals(out, "True\n");
    });
  }
  it(`${ALL} (seed ${SEED}): hundreds of connections at once, ended in any order, leave it alive`, async () => {
    const out = await overBadLink(
      ALL,
      `
import random; random.seed(1)
def one(i):
    s = socket.create_connection((random.choice(["10.9.5.2", "${OURS6}"]), 7), timeout=30); b = pattern(i)[:random.choice([1, 1000, 20000])]
    s.sendall(b); got = b""
    while len(got) < len(b): got += s.recv(1 << 16)
    same.append(got == b); k = random.randrange(4)
    if k == 1: s.setsockopt(1, 13, struct.pack("ii", 1, 0))
    if k == 2: s.shutdown(1); s.recv(1)
    if k == 3: s.send(b)
    s.close()
same = []; all = [threading.Thread(target=one, args=(i,)) for i in range(300)]
for t in all: t.start()
for t in all: t.join()
print(len(same), all and same.count(True))`,
    );
    assertEquals(out, "300 300\n");
  });
});
