/** The time zone by its name: what has one is in the runtime's own tables, anything else in files. */
import process from "node:process";
import { linkTarget } from "./stat.ts";

const isName = (zone: string) => /^[A-Z][\w+-]*(?:\/[\w+-]+)*$/.test(zone);

/** Whether our zone has a name: no file is read for its rules. */
export const hasZoneName = (): boolean => isName(process.env.TZ ?? "");

/** What tells a program of ours the zone by its name, where the system has it (a link into its tables). */
export function zoneVariable(): Record<string, string> {
  if (process.env.TZ !== undefined) return {};
  const name = linkTarget("/etc/localtime")?.split("/zoneinfo/")[1] ?? "";
  return isName(name) ? { TZ: name } : {};
}
