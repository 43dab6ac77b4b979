/** rump disk slices: the partitions of an image, by the names they can be asked for. */
import type { Host } from "../../host/host.ts";
import type { Options } from "../../lib/getopt.ts";
import { human } from "../../lib/human.ts";
import { shownUrl } from "../../lib/urls.ts";
import { type Contents, probe } from "../../wire/probe.ts";
import type { Disk, Slice } from "../../wire/slice.ts";
import { readTables, sliceLocator } from "../../wire/slices.ts";
import { Failure, type Grammar, reasonOf } from "../cli.ts";
import { lookAt } from "./disk_formats.ts";
import { openWhole, SOURCE_HELP, SOURCE_LETTERS, toolKernel } from "./disk_open.ts";
import { contents } from "./parts.ts";
import { imageUse } from "./image_use.ts";
import { columns } from "../table.ts";

export const slicesGrammar: Grammar = {
  usage: "[-j] [--format format] [--backing image] [-l plugin] image",
  about: "Show the partitions of a disk (an image of any format, a device, a URL): GPT, MBR with logical ones, BSD\n" +
    "disklabels, and what they seem to hold.",
  letters: `j${SOURCE_LETTERS}`,
  help: { j: "as JSON: sizes in bytes", json: "the same", ...SOURCE_HELP },
  examples: ["disk.img", "-j disk.qcow2", "nbd://host/export"],
};

/** What is on a disk. */
export interface Found {
  readonly size: number;
  readonly slices: readonly (readonly [Slice, Contents | undefined])[];
  readonly complaints: readonly string[];
  /** What the image is as a whole. */
  readonly whole: Contents | undefined;
}
/** Read its tables. */
export function look(disk: Disk): Found {
  const whole = probe(disk, 0, disk.size);
  const { slices, complaints } = whole?.bootSector ? { slices: [], complaints: [] } : readTables(disk);
  return { size: disk.size, slices: slices.map((s) => [s, contents(disk, s)] as const), complaints, whole };
}

export async function slices(host: Host, program: string, parsed: Options): Promise<number> {
  const { options, rest } = parsed;
  const [source] = rest as [string];
  const image = shownUrl(source);
  const kernel = await toolKernel(host, program, parsed);
  const device = await openWhole(host, kernel, program, source, {
    readOnly: true,
    unlocked: true,
    ...imageUse(parsed),
  });
  let found: Found;
  try {
    found = await lookAt(device, look);
  } catch (e) {
    throw new Failure(`${program}: ${image}: ${reasonOf(e)}`);
  } finally {
    await device.close?.();
  }
  for (const c of found.complaints) host.err(`${program}: ${image}: ${c}\n`);
  if (options.some(([o]) => o === "j" || o === "json")) {
    host.out(
      `${JSON.stringify({ image, size: found.size, holds: holdsJson(found.whole), ...asJson(image, found) })}\n`,
    );
  } else if (found.slices.length > 0) host.out(`${table(found).join("\n")}\n`);
  else host.out(`${image}: no partitions; ${found.whole ? described(found.whole) : "nothing that is known"}\n`);
  return found.complaints.length > 0 ? 1 : 0;
}
/** What something holds, in a few words. */
export function described(c: Contents): string {
  return c.label === undefined ? c.name : `${c.name} "${c.label}"`;
}
/** How much of a partition lies behind the image's end. */
const missing = (s: Slice, size: number) => Math.max(0, Math.min(s.length, s.offset + s.length - size));

/** Its partitions, a line each. */
export function table({ slices, size }: Found): string[] {
  const holds = (s: Slice, c: Contents | undefined) =>
    missing(s, size) > 0 ? "outside the image" : c ? described(c) : s.container ? "(holds the logical ones)" : "";
  return columns(slices, [
    { head: "NAME", of: ([s]) => sliceLocator(s) },
    { head: "OFFSET", of: ([s]) => s.offset, right: true },
    { head: "SIZE", of: ([s]) => human(s.length), right: true },
    { head: "TYPE", of: ([s]) => (s.type === "unknown" ? s.typeId : s.type) },
    { head: "LABEL", of: ([s]) => s.label ?? "-" },
    { head: "UUID", of: ([s]) => s.uuid ?? "-" },
    { head: "HOLDS", of: ([s, c]) => holds(s, c) || "-" },
  ]);
}
/** The same for programs. */
export const holdsJson = (c: Contents | undefined) =>
  c ? { name: c.name, label: c.label ?? null, uuid: c.uuid ?? null } : null;
/** Partitions, and what is wrong with their tables, for programs. */
export function asJson(image: string, { size, slices, complaints }: Found) {
  return {
    slices: slices.map(([s, c]) => ({
      name: image + sliceLocator(s),
      scheme: s.scheme,
      id: s.id,
      type: s.type,
      typeId: s.typeId,
      label: s.label ?? null,
      uuid: s.uuid ?? null,
      offset: s.offset,
      size: s.length,
      missing: missing(s, size),
      holds: holdsJson(c),
    })),
    complaints,
  };
}
