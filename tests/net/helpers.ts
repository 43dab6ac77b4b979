/** Sockets in a kernel of the test's own: addresses, messages, descriptors beside them. */
import { builtins } from "../../plugins/mod.ts";
import { AF_LOCAL, SCM_RIGHTS, SOL_SOCKET } from "../../src/abi/flags.ts";
import { CMSG_DATA, Cmsghdr } from "../../src/abi/structs.ts";
import { sockaddrIn } from "../../src/abi/inet.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { stackOf } from "../../src/net/netinet.ts";
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
