/** Hosts with IPv6, their addresses, and messages of ICMPv6 made by hand. */
import { IFF } from "../../src/abi/flags.ts";
import { AF_INET6, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { parseSockaddrIn6, sockaddrIn6 } from "../../src/abi/inet.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { formatIpv6, parseIpv6 } from "../../src/lib/in6.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import type { Ip6 } from "../../src/net/ip6/ip6.ts";
import type { Stack } from "../../src/net/stack.ts";
import type { NetDevice } from "../../src/plugin.ts";
import { bytes, cable, netKernel, pass, settle, text } from "./helpers.ts";

let hosts = 0;
/** A host with IPv6: numbers at random differ from host to host. */
export async function inet6Host(...more: string[]) {
  const made = await netKernel("rumpnet_netinet6", ...more);
  made.kernel.sys.random(new Uint8Array(++hosts));
  const stack = stackOf(made.kernel);
  return { ...made, stack, ip6: stack.ip6 as Ip6 };
}
export type Host6 = Awaited<ReturnType<typeof inet6Host>>;
/** Give a host an interface that is up, with addresses: "2001:db8::1/64". */
export async function attach6(
  { stack, ip6 }: { readonly stack: Stack; readonly ip6: Ip6 },
  name: string,
  device: NetDevice,
  ...addresses: string[]
) {
  const iface = stack.attach(name, device);
  for (const given of addresses) {
    const [address, length] = given.split("/");
    await ip6.addresses.add(iface, { address: parseIpv6(address!)!, length: Number(length) });
  }
  await stack.setFlags(iface, iface.flags | IFF.UP);
  return iface;
}
/** Time enough for addresses to be ready. */
export const ready = (...all: Host6[]) => pass(all, 2000, 500);
/** Hosts a (2001:db8::1) and b (2001:db8::2) on one cable, their addresses ready. */
export async function twoHosts6(through?: Parameters<typeof cable>[0]) {
  const [one, two] = cable(through);
  const [a, b] = [await inet6Host(), await inet6Host()];
  const ifaces = [await attach6(a, "en0", one!, "2001:db8::1/64"), await attach6(b, "en0", two!, "2001:db8::2/64")];
  await ready(a, b);
  return { a, b, ifaces };
}

/** An IPv6 address and port; `zone`: the index of its link. */
export const sin6 = (address: string, port: number, zone = 0) => sockaddrIn6(parseIpv6(address)!.in(zone), port);
export const named6 = (name: Uint8Array) => {
  const { address, port } = parseSockaddrIn6(name)!;
  return `[${formatIpv6(address)}${address.zone ? `%${address.zone}` : ""}]:${port}`;
};
/** A UDP socket, at a port where one is said. */
export async function udp6(sys: Calls, port?: number, address = "::"): Promise<number> {
  const s = sys.socket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 }) as number;
  if (port !== undefined) await sys.bind({ s, name: sin6(address, port) });
  return s;
}
export async function receive6(sys: Calls, s: number): Promise<readonly [data: string, from: string]> {
  const [buf, from, fromlenaddr] = [new Uint8Array(9000), new Uint8Array(28), new Uint8Array([28, 0, 0, 0])];
  const n = await sys.recvfrom({ s, buf, flags: 0, from, fromlenaddr });
  return [text(buf.subarray(0, n)), named6(from)];
}
export const send6 = (sys: Calls, s: number, data: string | Uint8Array, to: Uint8Array) =>
  sys.sendto({ s, buf: typeof data === "string" ? bytes(data) : data, flags: 0, to });
export { settle };
