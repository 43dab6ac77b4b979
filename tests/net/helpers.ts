/** Sockets in a kernel of the test's own: addresses, messages, descriptors beside them. */
import { builtins } from "../../plugins/mod.ts";
import { AF_LOCAL, SCM_RIGHTS, SOL_SOCKET } from "../../src/abi/flags.ts";
import { CMSG_DATA, Cmsghdr } from "../../src/abi/structs.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
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
