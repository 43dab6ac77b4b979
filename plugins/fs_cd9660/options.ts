/** What a mount of this driver can be told: mount_cd9660(8)'s. */
import * as v from "valibot";

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_fffe));
const mode = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0o777));
const flag = v.optional(v.boolean(), false);

export const options = v.strictObject({
  /** Without Rock Ridge: Joliet's names, or plain ones. */
  norrip: flag,
  /** Without Joliet. */
  nojoliet: flag,
  /** Plain names as stored: upper case, with their version. */
  gens: flag,
  /** A directory [BOOT] with the images a machine can be started from (El Torito). */
  boot: flag,
  /** Owner of everything; left out: as recorded, else the mount point's. */
  uid: v.optional(id),
  gid: v.optional(id),
  /** Bits files and directories without recorded modes may have. */
  mask: v.optional(mode),
  dirmask: v.optional(mode),
  /** Sector the session begins at, of a disc with several. */
  session: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31)), 0),
});
export type Cd9660Options = v.InferOutput<typeof options>;
