/** vxlan: Ethernet over UDP sockets of the host, with ours and with Linux' at the other end. */
import { describe, it } from "node:test";
import { parseTunnel } from "../../plugins/net_vxlan/device.ts";
import { AF_INET, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { Ifdrv } from "../../src/abi/net_structs.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals } from "../assert.ts";
import { aliasreq, ifreq } from "./control.ts";
import { Netns, noNetns } from "./netns.ts";

describe("names of tunnels", () => {
  const local = { address: 0, port: 4789 };
  for (
    const [text, tunnel] of [
      ["vni=5,remote=10.0.0.2", { vni: 5, remote: { address: 0x0a00_0002, port: 4789 }, local }],
      ["remote=10.0.0.2:1,vni=0,local=127.0.0.1:2", {
        vni: 0,
        remote: { address: 0x0a00_0002, port: 1 },
        local: { address: 0x7f00_0001, port: 2 },
      }],
      ["", undefined],
      ["vni=5", undefined],
      ["vni=16777216,remote=10.0.0.2", undefined],
      ["vni=5,remote=10.0.0.2:0", undefined],
      ["vni=5,remote=10.0.0.2:65536", undefined],
      ["vni=5,remote=10.0.0.300", undefined],
      ["vni=5,remote=10.0.0.2,ttl=3", undefined],
    ] as const
  ) it(`"${text}"`, () => assertEquals(parseTunnel(text), tunnel));
});
describe("vxlan with Linux' over UDP", { skip: noNetns() ?? false }, () => {
  it("ping of any length, and a MiB of TCP", async () => {
    using a = new Netns();
    using b = new Netns();
    a.must("ip", "-n", a.name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", b.name);
    for (const [ns, address] of [[a, "10.9.1.1"], [b, "10.9.1.2"]] as const) {
      ns.must("ip", "-n", ns.name, "addr", "add", `${address}/24`, "dev", "veth0");
      ns.must("ip", "-n", ns.name, "link", "set", "veth0", "up");
    }
    const vxlan = ["type", "vxlan", "id", "77", "dstport", "4789", "remote", "10.9.1.1", "local", "10.9.1.2"];
    b.must("ip", "-n", b.name, "link", "add", "vx0", ...vxlan, "dev", "veth0");
    b.must("ip", "-n", b.name, "addr", "add", "10.7.0.1/24", "dev", "vx0");
    b.must("ip", "-n", b.name, "link", "set", "vx0", "up");
    const { sys } = await a.host("offload", "rumpnet_vxlan");
    const fd = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
    await sys.ioctl({ fd, com: SIOC.SIOCIFCREATE, data: ifreq("vxlan0") });
    const linkstr = new TextEncoder().encode("vni=77,remote=10.9.1.2,local=10.9.1.1\0");
    const data = new Uint8Array(Ifdrv.size + linkstr.length);
    Ifdrv.write(viewOf(data), 0, { name: "vxlan0", length: linkstr.length });
    data.set(linkstr, Ifdrv.size);
    await sys.ioctl({ fd, com: SIOC.SIOCSLINKSTR, data });
    await sys.ioctl({ fd, com: SIOC.SIOCAIFADDR, data: aliasreq("vxlan0", "10.7.0.2", "255.255.255.0") });
    for (const size of ["0", "1422", "5000"]) {
      const out = await b.exec("ping", "-c", "2", "-i", "0.05", "-W", "5", "-s", size, "10.7.0.2");
      assert(out.includes("2 received"), out);
    }
    // Through a veth pair Linux hands over what it would leave to a network card: checksums within the tunnel.
    const out = await b.python(`
import array, fcntl
value = array.array("I", [0x17, 0]); ifr = struct.pack("16sQ", b"vx0", value.buffer_info()[0])
fcntl.ioctl(socket.socket(), 0x8946, ifr + bytes(16))
s = socket.create_connection(("10.7.0.2", 7)); b = b"".join(pattern(i) for i in range(16))
t = threading.Thread(target=s.sendall, args=(b,)); t.start(); got = b""
while len(got) < len(b): got += s.recv(1 << 18)
print(got == b)`);
    assertEquals(out, "True\n");
  });
});
