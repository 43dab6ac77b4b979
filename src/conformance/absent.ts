/** What a volume leaves out, and which claims cannot hold for that. */
import type { Capability, Volume } from "../plugin.ts";
import { defaults } from "../vfs/defaults.ts";

type Operation = keyof typeof defaults;

/** Operations some capabilities need. */
const needs: Readonly<Partial<Record<Operation, readonly Capability[]>>> = {
  write: ["write"],
  create: ["write"],
  unlink: ["write"],
  mkdir: ["directories", "dirlinks"],
  rmdir: ["directories", "dirlinks"],
  rename: ["rename", "recase"],
  setattr: ["truncate", "modes", "owners", "flags", "atime"],
  link: ["links"],
  symlink: ["symlinks"],
  mknod: ["nodes"],
  getxattr: ["xattr"],
  setxattr: ["xattr"],
  listxattr: ["xattr"],
  removexattr: ["xattr"],
  allocate: ["allocate"],
  punch: ["punch"],
  exchange: ["exchange"],
};
/** Operations a driver left out that are answered with an errno. */
export function absentOperations(volume: Volume): Operation[] {
  return (Object.keys(defaults) as Operation[]).filter((op) => defaults[op] !== undefined && !volume[op]);
}
export const lackedBy = (absent: readonly Operation[]): Capability[] => absent.flatMap((op) => [...needs[op] ?? []]);
