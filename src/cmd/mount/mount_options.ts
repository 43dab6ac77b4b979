/** Mount options as mount(8) names them, for -o: which are flags, which are the driver's, and refusal by name of the rest. */
import {
  MNT_ASYNC,
  MNT_NOATIME,
  MNT_NODEV,
  MNT_NOEXEC,
  MNT_NOSUID,
  MNT_RDONLY,
  MNT_RELATIME,
  MNT_SYNCHRONOUS,
  MNT_UNION,
  MNT_UPDATE,
} from "../../abi/flags.ts";
import { Failure } from "../cli.ts";

/** Name to the flag it sets; a "no" before it clears (or the other way round for those that begin with one). */
const flagOf: Readonly<Record<string, number>> = {
  ro: MNT_RDONLY,
  rdonly: MNT_RDONLY,
  sync: MNT_SYNCHRONOUS,
  async: MNT_ASYNC,
  noexec: MNT_NOEXEC,
  nosuid: MNT_NOSUID,
  nodev: MNT_NODEV,
  noatime: MNT_NOATIME,
  relatime: MNT_RELATIME,
  union: MNT_UNION,
  update: MNT_UPDATE,
  allow_other: 0, // of mounts on the host: see fuse_mount.ts
};
/** What undoes a flag. */
const undo: Readonly<Record<string, number>> = {
  rw: MNT_RDONLY,
  exec: MNT_NOEXEC,
  suid: MNT_NOSUID,
  dev: MNT_NODEV,
  atime: MNT_NOATIME,
  norelatime: MNT_RELATIME,
  nounion: MNT_UNION,
};
/** Said by fstab and mount(8) for their own use: nothing to do. */
const silent = new Set([
  "rump",
  "auto",
  "noauto",
  "defaults",
  "user",
  "nouser",
  "users",
  "owner",
  "group",
  "_netdev",
  "nofail",
  "comment",
  "helper",
  "loop", // an image needs no such device
  "uhelper",
]);

export interface MountOptions {
  /** MNT_* */
  readonly flags: number;
  /** Flag names in the order given, for a host mount. */
  readonly names: readonly string[];
  /** name=value and names that are no flag, for the driver. */
  readonly others: ReadonlyMap<string, string>;
}
/** Parse the -o lists. Options that are neither a flag nor in `known` are refused. */
export function parseMountOptions(program: string, lists: readonly string[], known: readonly string[]): MountOptions {
  let flags = 0;
  const names: string[] = [];
  const others = new Map<string, string>();
  for (const option of lists.flatMap((l) => l.split(",")).filter((o) => o !== "")) {
    const [name, ...value] = option.split("=");
    const start = /^x-/i.test(name!) || silent.has(name!);
    if (start) continue;
    if (Object.hasOwn(flagOf, option)) flags |= flagOf[option]!;
    else if (Object.hasOwn(undo, option)) flags &= ~undo[option]!;
    else if (known.includes(name!)) others.set(name!, value.join("="));
    else throw new Failure(`${program}: -o ${option}: option not supported`);
    names.push(option);
  }
  return { flags, names, others };
}
