/** vlan(4): tagged frames of an Ethernet interface, with ours and with Linux' at the other end. */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, IFF, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { Ifreq } from "../../src/abi/net_structs.ts";
import { HDR_GSO_TCPV4 } from "../../src/lib/offload.ts";
import type { Input, NetDevice } from "../../src/plugin.ts";
import type { AsyncClient } from "../../src/rump.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { Vlanreq } from "../../src/wire/if_vlan.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { aliasreq, ifreq } from "./control.ts";
import { bytes, cable, netKernel, settle, sin, text, udpSocket } from "./helpers.ts";
import { Netns, noNetns, said } from "./netns.ts";

/** The descriptor of commands: a process' first. */
const CONTROL = 0;
type Sys = Awaited<ReturnType<typeof netKernel>>["sys"];

/** struct ifreq of an interface, and the struct vlanreq it points at. */
function vlanreq(parent: string, tag: number, name = "vlan0"): Uint8Array {
  const data = new Uint8Array(Ifreq.size + Vlanreq.size);
  Ifreq.write(viewOf(data), 0, { name });
  Vlanreq.write(viewOf(data), Ifreq.size, { parent, tag });
  return data;
}
const set = (sys: Sys, data: Uint8Array) => sys.ioctl({ fd: CONTROL, com: SIOC.SIOCSIFGENERIC, data });

/** A host with en0 on a cable, and vlan0 with an address: VLAN 5 of it. */
async function host(device: NetDevice, address: string) {
  const made = await netKernel("rumpnet_netinet", "rumpnet_vlan");
  const stack = stackOf(made.kernel);
  const { sys } = made;
  await stack.setFlags(stack.attach("en0", device), IFF.UP);
  assertEquals(await udpSocket(sys), CONTROL);
  await sys.ioctl({ fd: CONTROL, com: SIOC.SIOCIFCREATE, data: ifreq("vlan0") });
  await set(sys, vlanreq("en0", 5));
  await sys.ioctl({ fd: CONTROL, com: SIOC.SIOCAIFADDR, data: aliasreq("vlan0", address, "255.255.255.0") });
  return { ...made, stack };
}
describe("vlan", () => {
  it("frames have its tag on the wire, and arrive at the VLAN of the other end", async () => {
    const tags = new Set<string>();
    const [p, q] = cable((f) => {
      tags.add([...f.subarray(12, 16)].join(" "));
      return [f];
    });
    const [a, b] = [await host(p!, "10.5.0.1"), await host(q!, "10.5.0.2")];
    const r = await udpSocket(b.sys, 9);
    await a.sys.sendto({ s: await udpSocket(a.sys), buf: bytes("hello"), flags: 0, to: sin("10.5.0.2", 9) });
    await settle();
    const buf = new Uint8Array(10);
    const n = await b.sys.recvfrom({ s: r, buf, flags: 0 }) as number;
    assertEquals([text(buf.subarray(0, n)), [...tags]], ["hello", ["129 0 0 5"]]);
  });
  it("what devices are left to finish is theirs behind the tag, too: TCP crosses it", async () => {
    const inputs: (Input | undefined)[] = [];
    let largest = 0;
    const [a, b] = await Promise.all([0, 1].map((end) =>
      host({
        medium: "ethernet",
        mtu: 1500,
        mac: new Uint8Array([2, 0, 0, 0, 0, end]),
        offload: { checksum: true, gso: [HDR_GSO_TCPV4] },
        up: (input) => void (inputs[end] = input),
        output(frame, offload) {
          const [f, o] = [frame.slice(), offload && { ...offload }];
          largest = Math.max(largest, f.length);
          queueMicrotask(() => inputs[1 - end]?.(f, o));
        },
        down() {},
      }, `10.5.0.${end + 1}`)
    ));
    const l = b!.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await b!.sys.bind({ s: l, name: sin("10.5.0.2", 80) });
    b!.sys.listen({ s: l, backlog: 1 });
    const s = a!.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await a!.sys.connect({ s, name: sin("10.5.0.2", 80) });
    const k = await b!.sys.accept({ s: l }) as number;
    const data = new Uint8Array(300_000).map((_, i) => i * 7);
    const sending = (async () => {
      for (let at = 0; at < data.length;) at += await a!.sys.write({ fd: s, buf: data.subarray(at) }) as number;
      a!.sys.shutdown({ s, how: 1 });
    })();
    const got = new Uint8Array(data.length);
    let at = 0;
    for (let n = 1; n > 0; at += n) n = await b!.sys.read({ fd: k, buf: got.subarray(at) }) as number;
    await sending;
    assert(largest > 2 * 1514, "some went as one");
    assertEquals([at, got.every((x, i) => x === data[i])], [data.length, true]);
  });
  it("frames of other VLANs, and without one, are not for it", async () => {
    const [p, q] = cable((f) => {
      f[15] = 6;
      return [f];
    });
    const [a, b] = [await host(p!, "10.5.0.1"), await host(q!, "10.5.0.2")];
    await a.sys.sendto({ s: await udpSocket(a.sys), buf: bytes("hello"), flags: 0, to: sin("10.5.0.2", 9) });
    await settle();
    assertEquals(b.stack.interface("vlan0").counters.inPackets, 0);
    assert(b.stack.interface("en0").counters.inPackets > 0);
  });
  it("it tells what it is, is taken off, and goes with its interface", async () => {
    const { sys, stack } = await host(cable()[0]!, "10.5.0.1");
    const told = () => {
      const data = vlanreq("", 0);
      void sys.ioctl({ fd: CONTROL, com: SIOC.SIOCGIFGENERIC, data });
      return [Vlanreq.get.parent(viewOf(data), Ifreq.size), Vlanreq.get.tag(viewOf(data), Ifreq.size)];
    };
    assertEquals(told(), ["en0", 5]);
    await set(sys, vlanreq("", 0));
    assertEquals(told(), ["", 0]);
    await set(sys, vlanreq("en0", 7));
    await stack.destroy(stack.interface("en0"));
    assertEquals(told(), ["", 0]);
  });
  it("errors: no such interface, no such VLAN, it has one", async () => {
    const { sys } = await host(cable()[0]!, "10.5.0.1");
    const fails = (data: Uint8Array, e: SysError) => void assertThrows(() => set(sys, data), SysError, e.message);
    fails(vlanreq("en0", 6), errno.EBUSY);
    await set(sys, vlanreq("", 0));
    fails(vlanreq("en9", 6), errno.ENXIO);
    fails(vlanreq("en0", 0), errno.EINVAL);
    fails(vlanreq("en0", 4095), errno.EINVAL);
  });
});

const skip = noNetns() ?? false;
/** Why Linux has no VLANs here; undefined: it has. */
function noLinuxVlan(): string | undefined {
  if (skip) return skip;
  using ns = new Netns();
  const vlan = ["link", "lo", "name", "lo.5", "type", "vlan", "id", "5"];
  return ns.can("ip", "-n", ns.name, "link", "add", ...vlan) ? undefined : "this Linux has no vlan devices";
}
/** vlan0 of a host behind a TAP device. */
async function behindTap(ns: Netns, mode: string): Promise<AsyncClient["sys"]> {
  const { sys } = await ns.host(mode, "rumpnet_vlan");
  const fd = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  await sys.ioctl({ fd, com: SIOC.SIOCIFCREATE, data: ifreq("vlan0") });
  await sys.ioctl({ fd, com: SIOC.SIOCSIFGENERIC, data: vlanreq("virt0", 5) });
  await sys.ioctl({ fd, com: SIOC.SIOCAIFADDR, data: aliasreq("vlan0", "10.5.0.2", "255.255.255.0") });
  return sys;
}
describe("vlan over TAP", { skip }, () => {
  it("its frames are what tshark takes for frames of the VLAN, and sound", async () => {
    using ns = new Netns();
    const sys = await behindTap(ns, "plain");
    const pcap = `${ns.dir}/frames.pcapng`;
    const capture = ns.start("tshark", "-q", "-i", "tun0", "-w", pcap);
    await said(capture, "Capturing");
    const s = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
    const wanted = "vlan.id == 5 && arp.dst.proto_ipv4 == 10.5.0.9";
    const count = (filter: string) =>
      ns.must("tshark", "-r", pcap, "-Y", filter, "-T", "fields", "-e", "frame.number").split("\n").length - 1;
    let seen = 0;
    for (let i = 0; i < 50 && seen === 0; i++) {
      await sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.5.0.9", 9) }).catch(() => {});
      await ns.exec("sleep", "0.2");
      seen = ns.can("tshark", "-r", pcap, "-c", "1") ? count(wanted) : 0;
    }
    capture.kill("SIGINT");
    assert(seen > 0, "requests were seen");
    assertEquals(count("vlan.id == 5 && _ws.malformed"), 0);
  });
});
describe("vlan with Linux' over TAP", { skip: noLinuxVlan() ?? false }, () => {
  for (const mode of ["offload", "plain"]) {
    it(`${mode}: ping, and a MiB of TCP`, async () => {
      using ns = new Netns();
      await behindTap(ns, mode);
      ns.must("ip", "-n", ns.name, "link", "add", "link", "tun0", "name", "tun0.5", "type", "vlan", "id", "5");
      ns.must("ip", "-n", ns.name, "addr", "add", "10.5.0.1/24", "dev", "tun0.5");
      ns.must("ip", "-n", ns.name, "link", "set", "tun0.5", "up");
      const ping = await ns.exec("ping", "-c", "2", "-i", "0.01", "-W", "5", "-s", "3000", "10.5.0.2");
      assert(ping.includes("2 received"), ping);
      const out = await ns.python(`
s = socket.create_connection(("10.5.0.2", 7)); b = b"".join(pattern(i) for i in range(16))
t = threading.Thread(target=s.sendall, args=(b,)); t.start(); got = b""
while len(got) < len(b): got += s.recv(1 << 18)
print(got == b)`);
      assertEquals(out, "True\n");
    });
  }
});
