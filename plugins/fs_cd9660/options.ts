/** What a mount of this driver can be told: mount_cd9660(8)'s. */
import * as v from "valibot";

const flag = (about: string, ...also: string[]) =>
  v.optional(v.pipe(v.boolean(), v.description(about), v.metadata({ also })), false);
const number = (most: number, about: string, format: string, letter?: string) =>
  v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(most),
      v.description(about),
      v.metadata({ format, ...letter && { letter } }),
    ),
  );
const MAX_ID = 0xffff_fffe;

export const options = v.strictObject({
  norrip: flag("no Rock Ridge: Joliet's names, or plain ones", "nrr", "norock"),
  nojoliet: flag("no Joliet's names"),
  gens: flag("plain names as they are stored: upper case, with their version"),
  boot: flag("a directory [BOOT] with what a machine can be started from (El Torito)"),
  uid: number(MAX_ID, "owner of all files; left out: as recorded, else the mount point's", "user", "u"),
  gid: number(MAX_ID, "group of all files; left out: as recorded, else the mount point's", "group", "g"),
  mask: number(0o777, "mode bits files without recorded ones may have", "octal", "m"),
  dirmask: number(0o777, "mode bits directories without recorded ones may have", "octal", "M"),
  session: number(2 ** 31, "sector the session to be shown begins at, of a disc with several", "number"),
});
export type Cd9660Options = v.InferOutput<typeof options>;
