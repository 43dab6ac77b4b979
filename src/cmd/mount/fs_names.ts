/** The built-in file systems by the names they are mounted by; a component rumpfs_NAME is one. Nothing is loaded for it. */
import { builtins } from "../../../plugins/mod.ts";

/** The component of a built-in type. */
export const componentOf = (type: string): string => `rumpfs_${type}`;

/** All types that can be mounted by name: not the root's own. */
export const fsTypes: readonly string[] = Object.keys(builtins)
  .filter((name) => name.startsWith("rumpfs_") && name !== "rumpfs_rumpfs")
  .map((name) => name.slice("rumpfs_".length));

/** Names of a type for mount(8)'s -t: its own, and Linux's. */
export const namesOf = (type: string): readonly string[] => [type, ...builtins[componentOf(type)]!.also ?? []];

/** The type a name is of, also one of Linux's; undefined: none that is built in. */
export const builtinType = (name: string): string | undefined => fsTypes.find((type) => namesOf(type).includes(name));
