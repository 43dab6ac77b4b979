/** THE table: every system call, its NetBSD number, arguments in C order, and errors of its own. */
import { atCalls } from "./calls_at.ts";
import { extattrCalls } from "./calls_extattr.ts";
import { kernCalls } from "./calls_kern.ts";
import { netCalls } from "./calls_net.ts";
import { vfsCalls } from "./calls_vfs.ts";
import { waitCalls } from "./calls_wait.ts";
import type { Decl, Values } from "./types.ts";

export const syscalls = { ...kernCalls, ...vfsCalls, ...extattrCalls, ...atCalls, ...waitCalls, ...netCalls };

export type Syscalls = typeof syscalls;
export type SyscallName = keyof Syscalls;
/** What a call's handler sees and its caller gives, by argument name. */
export type ArgsOf<N extends SyscallName> = Syscalls[N] extends Decl<infer A> ? Values<A> : never;
/** The row of a call, without its own types: for everything derived from the table. */
export const declared: Readonly<Record<string, Decl>> = syscalls;
