/**
 * Yama (Linux: Documentation/admin-guide/LSM/Yama.rst), which may keep processes from looking into others than their
 * descendants: the one apart serves a program that it did not start, and must read its memory and its descriptors.
 */
export const SCOPE = "/proc/sys/kernel/yama/ptrace_scope";

/** Why it may not, by SCOPE's content (undefined: there is no Yama) and whether we have CAP_SYS_PTRACE; undefined: it may. */
export function yamaObstacle(scope: string | undefined, mayTrace: boolean): string | undefined {
  const n = Number(scope?.trim() ?? 0);
  if (n === 0 || (n < 3 && mayTrace)) return undefined;
  const is = `kernel.yama.ptrace_scope is ${n}`;
  return n >= 3
    ? `${is}: nobody may look into a program`
    : `${is}, which needs root, or a user name space (unshare -U)`;
}
