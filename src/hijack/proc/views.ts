/** The volumes behind what hijacked programs see of the rump kernel in /proc. */
import type { Opens } from "../../fuse/server.ts";
import type { Host } from "../../host/host.ts";
import type { Volume } from "../../plugin.ts";
import { type Dir, MadeFiles } from "./files.ts";
import { linuxFiles } from "./linux_files.ts";
import type { ViewName } from "./places.ts";
import { Questions, type Source } from "./questions.ts";
import { tableFiles } from "./tables.ts";
import { variableFiles } from "./variables.ts";

const roots: Readonly<Record<ViewName, (ask: Questions, families: readonly number[]) => Dir>> = {
  tables: tableFiles,
  variables: variableFiles,
  linux: linuxFiles,
};
/** Volumes of views, in their order. `families`: those hijacked, by the host's numbers. */
export function viewVolumes(
  host: Host,
  source: Source,
  { views, families }: { readonly views: readonly ViewName[]; readonly families: readonly number[] },
): (Volume & Opens)[] {
  const ask = new Questions(source, () => host.now());
  return views.map((name) => new MadeFiles(roots[name](ask, families), host, host.wall()));
}
