/** TCP with Linux' over a TAP device that loses, doubles and reorders what we send, by a seed. */
import { describe, it } from "node:test";
import process from "node:process";
import { AF_INET, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { Ifdrv } from "../../src/abi/net_structs.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals } from "../assert.ts";
import { aliasreq, ifreq } from "./control.ts";
import { Netns, noNetns } from "./netns.ts";

const SEED = Number(process.env.NET_SEED ?? (process.env.CI === "true" ? 1 : Math.floor(Math.random() * 1e6)));

describe("TCP over a bad link to Linux", { skip: noNetns() ?? false }, () => {
  for (
    const faults of [
      "loss=2%&delay=1ms",
      "duplicate=5%&delay=1ms",
      "reorder=10%&delay=2ms",
      "corrupt=1%&delay=1ms",
      "loss=1%&duplicate=1%&reorder=5%&corrupt=0.5%&delay=2ms",
    ]
  ) {
    it(`${faults} (seed ${SEED}): a MiB there and back arrives whole`, async () => {
      using ns = new Netns();
      const { sys } = await ns.host("offload", "rumpnet_lossy");
      const fd = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
      await sys.ioctl({ fd, com: SIOC.SIOCIFCREATE, data: ifreq("lossy0") });
      const linkstr = new TextEncoder().encode(`virt:tun5?${faults}&seed=${SEED}\0`);
      const data = new Uint8Array(Ifdrv.size + linkstr.length);
      Ifdrv.write(viewOf(data), 0, { name: "lossy0", length: linkstr.length });
      data.set(linkstr, Ifdrv.size);
      await sys.ioctl({ fd, com: SIOC.SIOCSLINKSTR, data });
      await sys.ioctl({ fd, com: SIOC.SIOCAIFADDR, data: aliasreq("lossy0", "10.9.5.2", "255.255.255.0") });
      ns.must("ip", "-n", ns.name, "addr", "add", "10.9.5.1/24", "dev", "tun5");
      ns.must("ip", "-n", ns.name, "link", "set", "tun5", "up");
      const out = await ns.python(`
s = socket.create_connection(("10.9.5.2", 7), timeout=30); b = b"".join(pattern(i) for i in range(16))
def send(): s.sendall(b); s.shutdown(1)
t = threading.Thread(target=send); t.start(); print(receive(s) == (len(b), hashlib.sha256(b).hexdigest()))`);
      assertEquals(out, "True\n");
    });
  }
});
