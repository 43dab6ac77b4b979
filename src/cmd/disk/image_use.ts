/** How an image is to be used, on the command line: the same words for all programs that open one. */
import type { Options } from "../../lib/getopt.ts";
import type { ImageUse } from "./image.ts";

/** Of images: what they are, and what is written to them. */
export const IMAGE_HELP: Readonly<Record<string, string>> = {
  "format=": "raw, qcow2, …; left out: what the image's first bytes say",
  "backing=": "the image this one is a change of (qcow2), and again for that one's; no other is ever opened",
  snapshot: "leave the image alone: what is written stays in memory, and is gone with the mount",
  direct: "read and write the image past the host's page cache (O_DIRECT, qemu's cache=none)",
  "journal=": "note all that is written in this new file, in its order: for crash tests, see rump disk replay",
};
/** How the image of a command line is to be used. */
export function imageUse({ options }: Options): Omit<ImageUse, "readOnly" | "whole" | "unlocked"> {
  const value = (name: string) => options.findLast(([o]) => o === name)?.[1];
  const [format, journal] = [value("format"), value("journal")];
  const backing = options.filter(([o]) => o === "backing").map(([, path]) => path);
  return {
    ...format !== undefined && { format },
    ...backing.length > 0 && { backing },
    ...value("snapshot") !== undefined && { snapshot: true },
    ...value("direct") !== undefined && { direct: true },
    ...journal !== undefined && { journal },
  };
}
