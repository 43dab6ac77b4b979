/** Header fields of a file: one a line, `Name: value`, as curl's -H @file has them. */
import { Refused } from "./refused.ts";

/** What we say ourselves. */
const OURS = ["host", "range", "connection", "content-length", "transfer-encoding", "accept-encoding"];

/** Throws Refused. */
export function fieldsIn(text: string): (readonly [name: string, value: string])[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\x20-\x7e\t]*)$/.exec(line) ?? [];
    if (name === undefined || OURS.includes(name.toLowerCase())) throw new Refused("a header that cannot be sent");
    return [name, value!] as const;
  });
}
