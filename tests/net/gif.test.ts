/** gif(4): tunnels between two hosts, and what comes out of them. */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { MSG_DONTWAIT } from "../../src/abi/flags.ts";
import { IfLaddrreq } from "../../src/abi/net_structs.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { NetDevice } from "../../src/plugin.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import type { Ip6 } from "../../src/net/ip6/ip6.ts";
import type { Stack } from "../../src/net/stack.ts";
import type { SiocName } from "../../src/abi/sockio.ts";
import { assertEquals } from "../assert.ts";
import { aliasreq, control, ifreq, named } from "./control.ts";
import { attach6, inet6Host, ready, receive6, send6, sin6, udp6 } from "./helpers6.ts";
import { attach, bytes, cable, netKernel, settle, sin, text, udpSocket } from "./helpers.ts";

type Speaker = Pick<Awaited<ReturnType<typeof netKernel>>, "sys">;

/** A host at a cable's end, with gif0, which has no ends yet, and a socket for its ioctls. */
async function end(device: NetDevice, address: string, address4: string) {
  const made = await netKernel("rumpnet_netinet", "rumpnet_netinet6", "rumpnet_gif");
  const host = { ...made, stack: stackOf(made.kernel) };
  await attach(host, "en0", device, `${address}/24`);
  const fd = await udpSocket(host.sys);
  const ioctl = (name: SiocName, data: Uint8Array) => control(host.sys, fd, name, data);
  await ioctl("SIOCIFCREATE", ifreq("gif0"));
  await host.stack.addAddress(host.stack.interface("gif0"), inside(address4));
  return { ...host, ioctl };
}
const inside = (address: string) => ({ address: parseIpv4(address)!, mask: maskOf(24), broadcast: 0 });
/** Give gif0 an address of IPv6. */
async function inside6({ stack }: { readonly stack: Stack }, address: string) {
  await (stack.ip6 as Ip6).addresses.add(stack.interface("gif0"), { address: parseIpv6(address)!, length: 64 });
}
/** struct if_laddrreq of gif0's ends. */
function laddrreq(local: string, remote: string): Uint8Array {
  const data = named("gif0", IfLaddrreq.size);
  IfLaddrreq.set.addr(viewOf(data), 0, sin6(local, 0));
  IfLaddrreq.set.dstaddr(viewOf(data), 0, sin6(remote, 0));
  return data;
}
/** What fd00::2 got by UDP, and from which address. */
async function say6(from: Speaker, to: Speaker): Promise<readonly [string, string]> {
  const r = await udp6(to.sys, 9);
  await send6(from.sys, await udp6(from.sys), "hello", sin6("fd00::2", 9));
  await settle();
  const [data, name] = await receive6(to.sys, r);
  return [data, name.replace(/:\d+$/, "")];
}
/** Hosts 10.0.0.1 and 10.0.0.2 with 192.168.9.1 and .2 in the tunnel; frames on the wire. */
async function tunnelled() {
  const wire: Uint8Array[] = [];
  const [p, q] = cable((f) => {
    wire.push(f);
    return [f];
  });
  const [a, b] = [await end(p!, "10.0.0.1", "192.168.9.1"), await end(q!, "10.0.0.2", "192.168.9.2")];
  await a.ioctl("SIOCSIFPHYADDR", aliasreq("gif0", "10.0.0.1", "0.0.0.0", "10.0.0.2"));
  await b.ioctl("SIOCSIFPHYADDR", aliasreq("gif0", "10.0.0.2", "0.0.0.0", "10.0.0.1"));
  return { a, b, wire };
}
/** Send by UDP; what the other host got of it, and from whom. */
async function say(from: Speaker, to: Speaker, address: string, data: Uint8Array): Promise<Uint8Array> {
  const r = await udpSocket(to.sys, 9);
  await from.sys.sendto({ s: await udpSocket(from.sys), buf: data, flags: 0, to: sin(address, 9) });
  await settle();
  await settle();
  const buf = new Uint8Array(4000);
  const n = await to.sys.recvfrom({ s: r, buf, flags: MSG_DONTWAIT }) as number;
  await to.sys.close({ fd: r });
  return buf.subarray(0, n);
}
/** The error a call ends with. */
async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (e) {
    return e instanceof SysError ? e : String(e);
  }
  return "none";
}

describe("gif", () => {
  it("carries IPv4 in IPv4: protocol 4 between its ends, 30 hops", async () => {
    const { a, b, wire } = await tunnelled();
    assertEquals(text(await say(a, b, "192.168.9.2", bytes("hello"))), "hello");
    const outer = wire.find((f) => f[12] === 8 && f[13] === 0 && f[23] === 4)!;
    assertEquals([outer[22], [...outer.subarray(26, 34)], outer[34]], [30, [10, 0, 0, 1, 10, 0, 0, 2], 0x45]);
  });
  it("what is too long for the tunnel goes through it in pieces, and for the link in pieces of these", async () => {
    const { a, b } = await tunnelled();
    const data = Uint8Array.from({ length: 3000 }, (_, i) => i * 7);
    assertEquals([...await say(a, b, "192.168.9.2", data)], [...data]);
    a.stack.interface("gif0").setMtu(4000);
    assertEquals([...await say(a, b, "192.168.9.2", data)], [...data]);
  });
  it("carries IPv6 in IPv4, protocol 41", async () => {
    const { a, b, wire } = await tunnelled();
    await inside6(a, "fd00::1");
    await inside6(b, "fd00::2");
    assertEquals(await say6(a, b), ["hello", "[fd00::1]"]);
    assertEquals(wire.some((f) => f[12] === 8 && f[13] === 0 && f[23] === 41), true);
  });
  it("carries IPv4 and IPv6 in IPv6", async () => {
    const [p, q] = cable();
    const [a, b] = [await inet6Host("rumpnet_gif"), await inet6Host("rumpnet_gif")];
    await attach6(a, "en0", p!, "2001:db8::1/64");
    await attach6(b, "en0", q!, "2001:db8::2/64");
    await ready(a, b);
    for (const [n, host] of [a, b].entries()) {
      const fd = await udpSocket(host.sys);
      await control(host.sys, fd, "SIOCIFCREATE", ifreq("gif0"));
      await control(host.sys, fd, "SIOCSLIFPHYADDR", laddrreq(`2001:db8::${n + 1}`, `2001:db8::${2 - n}`));
      await host.stack.addAddress(host.stack.interface("gif0"), inside(`192.168.9.${n + 1}`));
      await inside6(host, `fd00::${n + 1}`);
    }
    assertEquals(text(await say(a, b, "192.168.9.2", bytes("hello"))), "hello");
    assertEquals(await say6(a, b), ["hello", "[fd00::1]"]);
  });
  it("tells its ends, and has none once they are deleted", async () => {
    const { a } = await tunnelled();
    const data = ifreq("gif0");
    await a.ioctl("SIOCGIFPDSTADDR", data);
    assertEquals([...data.subarray(20, 24)], [10, 0, 0, 2]);
    await a.ioctl("SIOCDIFPHYADDR", ifreq("gif0"));
    assertEquals(await failure(() => a.ioctl("SIOCGIFPSRCADDR", ifreq("gif0"))), errno.EADDRNOTAVAIL);
  });
  it("refuses ends another tunnel has, and what are no hosts", async () => {
    const { a } = await tunnelled();
    await a.ioctl("SIOCIFCREATE", ifreq("gif1"));
    const set = (local: string, remote: string) =>
      failure(() => a.ioctl("SIOCSIFPHYADDR", aliasreq("gif1", local, "0.0.0.0", remote)));
    assertEquals(await set("10.0.0.1", "10.0.0.2"), errno.EADDRNOTAVAIL);
    assertEquals(await set("10.0.0.1", "224.0.0.1"), errno.EINVAL);
    assertEquals(await set("0.0.0.0", "10.0.0.2"), errno.EINVAL);
  });
  it("a tunnel whose way leads into itself ends with an error, not in a circle", async () => {
    const { a } = await tunnelled();
    await a.ioctl("SIOCSIFPHYADDR", aliasreq("gif0", "10.0.0.1", "0.0.0.0", "192.168.9.2"));
    const s = await udpSocket(a.sys);
    await failure(() => a.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("192.168.9.2", 9) }));
    const { counters } = a.stack.interface("gif0");
    assertEquals([counters.outErrors > 0, counters.outPackets < 8], [true, true]);
  });
  it("who tunnels with nobody here is told so", async () => {
    const { a, b, wire } = await tunnelled();
    await b.ioctl("SIOCDIFPHYADDR", ifreq("gif0"));
    await a.sys.sendto({ s: await udpSocket(a.sys), buf: bytes("x"), flags: 0, to: sin("192.168.9.2", 9) });
    await settle();
    const icmp = wire.filter((f) => f[12] === 8 && f[13] === 0 && f[23] === 1);
    assertEquals(icmp.map((f) => [f[34], f[35]]), [[3, 2]]);
  });
});
