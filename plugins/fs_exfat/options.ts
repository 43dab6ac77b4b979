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
const flag = (about: string) => v.optional(v.pipe(v.boolean(), v.description(about)), false);
const MAX_ID = 0xffff_fffe;
const DAY = 86_400;

export const options = v.strictObject({
  uid: number(MAX_ID, "owner of all files; left out: the mount point's", "user", "u"),
  gid: number(MAX_ID, "group of all files; left out: the mount point's", "group", "g"),
  umask: number(0o777, "mode bits files and directories do not have", "octal"),
  fmask: number(0o777, "mode bits files do not have", "octal"),
  dmask: number(0o777, "mode bits directories do not have", "octal"),
  gmtoff: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(-DAY),
      v.maxValue(DAY),
      v.description("seconds east of UTC of times that do not say where they are from"),
    ),
    0,
  ),
  quiet: flag("chown that cannot be done succeeds"),
  sync: flag("every change is written at once"),
  dirsync: flag("every change of names is written at once"),
  discard: flag("room of removed files is given back to the image's own disk"),
  errors: v.optional(
    v.pipe(
      v.picklist(["continue", "remount-ro"]),
      v.description("what damage found does to the mount"),
    ),
    "continue",
  ),
});
export type ExfatOptions = v.InferOutput<typeof options>;
/** The options of a live mount after mount -u; undefined: there is no such option. */
export function updated(asked: unknown): ExfatOptions | undefined {
  const parsed = v.safeParse(options, asked);
  return parsed.success ? parsed.output : undefined;
}
