/** What a mount of this driver can be told. */
import * as v from "valibot";

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
  uid: number(MAX_ID, "owner of all files; left out: the mount point's", "user", "u"),
  gid: number(MAX_ID, "group of all files; left out: the mount point's", "group", "g"),
  umask: number(0o777, "mode bits files and directories do not have", "octal"),
  fmask: number(0o777, "mode bits files do not have", "octal"),
  dmask: number(0o777, "mode bits directories do not have", "octal"),
});
export type ExfatOptions = v.InferOutput<typeof options>;
