/** union: a writable directory over one that is never changed (NetBSD: mount_union(8); Linux: overlayfs). */
import * as v from "valibot";
import { otherwise, then } from "../../src/lib/async.ts";
import type { FsDriver } from "../../src/plugin.ts";
import type { Node } from "./tree.ts";
import { union } from "./volume.ts";

const place = (about: string, also: string) =>
  v.optional(v.pipe(v.string(), v.nonEmpty(), v.description(about), v.metadata({ also: [also] })));
const options = v.strictObject({
  lower: place("what is below, and never changed; left out: the mount point", "lowerdir"),
  upper: place("what is above, and is written to; left out: the directory named", "upperdir"),
  below: v.optional(
    v.pipe(
      v.boolean(),
      v.description("the directory goes below, the mount point is above"),
      v.metadata({ letter: "b" }),
    ),
    false,
  ),
});
type Options = v.InferOutput<typeof options>;

const driver: FsDriver<Options, Node> = {
  kind: "fs",
  name: "union",
  about: "Mount a writable directory over an image or a directory that is never changed.",
  layers: { upper: "write", lower: "read" },
  // Nobody counts the directories in a directory.
  lacks: ["dirlinks"],
  options,
  mount(sys, _device, { source, on, options: { lower, upper, below } }) {
    const [above, beneath] = [upper ?? (below ? on : source), lower ?? (below ? source : on)];
    if (above === undefined || beneath === undefined) {
      sys.log("union: what is below it? lower= says so");
      throw sys.errno.EINVAL;
    }
    return then(sys.lend(above), (top) =>
      otherwise(
        () =>
          then(sys.lend(beneath), (bottom) => {
            if (bottom.root !== top.root) return union(sys, top, bottom);
            sys.log("union: above and below are one directory");
            void bottom.unmount();
            throw sys.errno.EINVAL;
          }),
        () => void top.unmount(),
      ));
  },
};
export default driver;
