/** Where files of the rump kernel are to appear. */
import type { Host } from "../host/host.ts";
import { AttachError } from "../proxy/attach_error.ts";
import type { HijackConfig } from "./config.ts";
import type { OrderedMount } from "./order.ts";

/** Whether `path` is `dir` or below it. */
const within = (path: string, dir: string) => path === dir || path.startsWith(`${dir}/`);

/**
 * The mounts a configuration asks for; `name` is who says what is wrong. None is in another: to find its place the host
 * would ask the other one, which is served only when all are there. Throws AttachError.
 */
export function mountsOf(host: Host, name: string, { path, blanket }: HijackConfig): OrderedMount[] {
  // What is below a prefix comes with it.
  const prefixes = [...new Set(blanket)].filter((at, _, all) => !all.some((o) => o !== at && within(at, o)));
  const mounts = [
    ...(path === undefined ? [] : [{ at: path, root: "/" }]),
    ...prefixes.map((at) => ({ at, root: at })),
  ];
  const places = mounts.map(({ at }) => real(host, at));
  for (const [i, place] of places.entries()) {
    const j = places.findIndex((other, k) => k !== i && within(place, other));
    if (j >= 0) throw new AttachError(`${name}: ${mounts[i]!.at}: ${mounts[j]!.at} is the rump kernel's already`);
  }
  return mounts;
}
/** A path without symbolic links, as far as it is there. */
function real(host: Host, path: string): string {
  try {
    return host.realpath(path);
  } catch {
    const cut = path.lastIndexOf("/");
    return cut > 0 ? real(host, path.slice(0, cut)).replace(/^\/$/, "") + path.slice(cut) : path;
  }
}
