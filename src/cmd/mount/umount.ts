/** rump.umount: take file systems off their mount points (umount(8)). */
import { MNT_FORCE } from "../../abi/flags.ts";
import { mounts } from "./statvfs.ts";
import { program, type Tool } from "../tool.ts";

/** A mount point as it is; what was mounted (a device) leads to where. The last mount counts. */
function nodeOf(t: Tool, operand: string): string {
  const list = mounts(t.sys).reverse();
  if (list.some((m) => m.mntonname === operand)) return operand;
  return list.find((m) => m.mntfromname === operand)?.mntonname ?? operand;
}
export const { run, over } = program({
  usage: "[-fR] special | node ...",
  about: "Unmount file systems of the rump kernel; what is not yet written is written first.",
  letters: "fR",
  help: { f: "also when in use", R: "take the operand as it is, without looking it up" },
}, (t) => {
  if (t.rest.length === 0) t.usage();
  for (const operand of t.rest) {
    t.attempt(operand, () => {
      const path = t.has("R") ? operand : nodeOf(t, operand);
      t.sys.unmount({ path, flags: t.has("f") ? MNT_FORCE : 0 });
    });
  }
});
