/** Sockets in a kernel of the test's own: addresses, messages, descriptors beside them. */
import { builtins } from "../../plugins/mod.ts";
import { AF_INET, AF_LOCAL, SCM_RIGHTS, SOCK_DGRAM, SOL_SOCKET } from "../../src/abi/flags.ts";
import { CMSG_DATA, Cmsghdr, MMSGHDR, MSGHDR } from "../../src/abi/structs.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import type { Stack } from "../../src/net/stack.ts";
import type { Input, NetDevice } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { fakeKernel } from "../kern/fake.ts";

export const bytes = (s: string) => new TextEncoder().encode(s);
export const text = (b: Uint8Array) => new TextDecoder().decode(b);
/** struct sockaddr_un */
export const sun = (path: string) => new Uint8Array([2 + path.length, AF_LOCAL, ...bytes(path)]);

export async function netKernel(...more: string[]) {
  const made = await fakeKernel({ builtins, components: ["rumpvfs", "rumpfs_tmpfs", "rumpnet", ...more] });
  /** Another process. */
  const other = () => made.kernel.calls(made.kernel.fork("other"));
  return { ...made, other };
}
export function pairOf(sys: Calls, type: number): readonly [number, number] {
  const rsv = new Uint8Array(8);
  sys.socketpair({ domain: AF_LOCAL, type, protocol: 0, rsv });
  return [viewOf(rsv).getInt32(0, true), viewOf(rsv).getInt32(4, true)];
}
/** A control message with descriptors. */
export function rights(...fds: number[]): Uint8Array {
  const control = new Uint8Array((CMSG_DATA + fds.length * 4 + 7) & ~7);
  const d = viewOf(control);
  Cmsghdr.write(d, 0, { len: CMSG_DATA + fds.length * 4, level: SOL_SOCKET, type: SCM_RIGHTS });
  for (const [i, fd] of fds.entries()) d.setInt32(CMSG_DATA + 4 * i, fd, true);
  return control;
}
export const fdIn = (control: Uint8Array, i = 0) => viewOf(control).getInt32(CMSG_DATA + 4 * i, true);

/** Two ends of a cable: what goes out at one comes in at the other, some microtasks later. `pass` may drop or change frames. */
export function cable(pass: (frame: Uint8Array, from: number) => readonly Uint8Array[] = (f) => [f]): NetDevice[] {
  const inputs: (Input | undefined)[] = [undefined, undefined];
  return [0, 1].map((end) => ({
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array([0xb2, 0xa0, 0, 0, 0, end + 1]),
    up: (input) => void (inputs[end] = input),
    output(frame) {
      for (const f of pass(frame.slice(), end)) queueMicrotask(() => inputs[1 - end]?.(f));
    },
    down: () => void (inputs[end] = undefined),
  }));
}
/** A host with IPv4: its kernel, calls and stack. */
export async function inetHost() {
  const made = await netKernel("rumpnet_netinet");
  return { ...made, stack: stackOf(made.kernel) };
}
const ip = (text: string) => parseIpv4(text)!;
/** Give a host an interface with an address: "10.0.0.1/24". */
export async function attach({ stack }: { readonly stack: Stack }, name: string, device: NetDevice, cidr: string) {
  const [address, length] = cidr.split("/");
  const mask = maskOf(Number(length));
  const broadcast = ((ip(address!) & mask) | ~mask) >>> 0;
  const iface = stack.attach(name, device);
  await stack.addAddress(iface, { address: ip(address!), mask, broadcast });
  return iface;
}
export const sin = (address: string, port: number) => sockaddrIn(ip(address), port);
/** Let what is under way arrive. */
export const settle = () => new Promise<void>((resolve) => void setImmediate(() => setImmediate(() => resolve())));
/** Hosts a (10.0.0.1) and b (10.0.0.2) on one cable. */
export async function twoHosts(pass?: Parameters<typeof cable>[0]) {
  const [one, two] = cable(pass);
  const [a, b] = [await inetHost(), await inetHost()];
  const ifaces = [await attach(a, "en0", one!, "10.0.0.1/24"), await attach(b, "en0", two!, "10.0.0.2/24")];
  await settle();
  return { a, b, ifaces };
}
/** a (10.0.0.1) - router r - b (10.0.1.1). */
export async function routed() {
  const [a1, r1] = cable();
  const [r2, b1] = cable();
  const [a, r, b] = [await inetHost(), await inetHost(), await inetHost()];
  await attach(a, "en0", a1!, "10.0.0.1/24");
  await attach(r, "en0", r1!, "10.0.0.254/24");
  await attach(r, "en1", r2!, "10.0.1.254/24");
  await attach(b, "en0", b1!, "10.0.1.1/24");
  a.stack.addRoute(a.stack.gatewayRoute(0, 0, ip("10.0.0.254")));
  b.stack.addRoute(b.stack.gatewayRoute(0, 0, ip("10.0.1.254")));
  await settle();
  return { a, r, b };
}
/** Some hosts on one link: 10.0.0.1, 10.0.0.2, … `pass` may drop or change frames. */
export async function onOneLink(
  count: number,
  pass: (frame: Uint8Array, from: number) => readonly Uint8Array[] = (f) => [f],
) {
  const inputs: (Input | undefined)[] = [];
  const device = (end: number): NetDevice => ({
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array([0xb2, 0xa0, 0, 0, 0, end + 1]),
    up: (input) => void (inputs[end] = input),
    output(frame) {
      for (const f of pass(frame.slice(), end)) {
        for (let to = 0; to < count; to++) if (to !== end) queueMicrotask(() => inputs[to]?.(f));
      }
    },
    down: () => void (inputs[end] = undefined),
  });
  const hosts: Awaited<ReturnType<typeof inetHost>>[] = [];
  for (let i = 0; i < count; i++) {
    const host = await inetHost();
    await attach(host, "en0", device(i), `10.0.0.${i + 1}/24`);
    hosts.push(host);
  }
  await settle();
  return { hosts, inject: (to: number, frame: Uint8Array) => inputs[to]?.(frame) };
}
/** A UDP socket of any address, at a port. */
export async function udpSocket(sys: Calls, port?: number, address = "0.0.0.0"): Promise<number> {
  const s = sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number;
  if (port !== undefined) await sys.bind({ s, name: sin(address, port) });
  return s;
}
export const int = (n: number) => new Uint8Array(Int32Array.of(n).buffer);
export const intOf = (b: Uint8Array) => viewOf(b).getInt32(0, true);
/** Let time pass in small steps, so that what happens in between has its time. */
export async function pass(hosts: readonly { readonly host: { pass(ms: number): void } }[], ms: number, step = 100) {
  for (let at = 0; at < ms; at += step) {
    for (const { host } of hosts) host.pass(step);
    await settle();
  }
}
/** A vector of struct mmsghdr: of each how much data, name and control. */
export function mmsg(...all: readonly (readonly [data: number, name: number, control: number])[]): Uint8Array {
  const b = new Uint8Array(MMSGHDR.size * all.length);
  const d = viewOf(b);
  for (const [i, [data, name, control]] of all.entries()) {
    d.setUint32(i * MMSGHDR.size + MMSGHDR.length, data, true);
    d.setUint32(i * MMSGHDR.size + MSGHDR.namelen, name, true);
    d.setUint32(i * MMSGHDR.size + MSGHDR.controllen, control, true);
  }
  return b;
}
