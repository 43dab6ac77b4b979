/** rump disk replay: a journal of writes, listed or made again, up to any moment. */
import type { Host, HostFile } from "../../host/host.ts";
import type { Options } from "../../lib/getopt.ts";
import type { BlockDevice } from "../../plugin.ts";
import { Failure, type Grammar, reasonOf, usage } from "../cli.ts";
import { readLog } from "./disk_log.ts";
import { openWhole, toolKernel } from "./disk_open.ts";
import { PIECE, plain, Turns, ZEROS } from "./disk_pieces.ts";
import { printable } from "./parts.ts";
import { imageUse } from "./image_use.ts";

export const replayGrammar: Grammar = {
  usage: ["[-j] [--flushes] --list journal", "[--until entry|mark] [--format format] journal disk"],
  about:
    "Make the writes of a journal again, on a copy of the disk as it was before them: as it was after any one. A mount\n" +
    "keeps one with --journal; those of Linux' dm-log-writes and QEMU's blklogwrites are the same.",
  letters: "jl:",
  help: {
    "until=": "the last entry that is made: its number, or the text of a mark",
    list: "show the entries: number, kind, place",
    flushes: "with --list: the numbers of the flushes only, a line each",
    j: "with --list: JSON, a line each",
    "format=": "raw, qcow2, …; left out: what the disk's first bytes say",
    l: "load a plugin that has the format",
  },
  examples: [
    "--list d.journal",
    "--until 42 d.journal copy.img",
    "--list --flushes d.journal",
  ],
};

export async function replay(host: Host, program: string, parsed: Options): Promise<number> {
  const has = (name: string) => parsed.options.some(([o]) => o === name);
  const [journal, image] = parsed.rest as [string, string | undefined];
  if (has("list") !== (image === undefined)) usage(host, program, replayGrammar);
  const file = attempt(program, journal, () => host.open(journal, {}));
  try {
    if (image === undefined) attempt(program, journal, () => list(host, file, has("j"), has("flushes")));
    else await onto(host, program, file, journal, image, parsed);
    return 0;
  } finally {
    file.close();
  }
}
function attempt<T>(program: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw new Failure(`${program}: ${what}: ${reasonOf(e)}`);
  }
}

/** As it goes: a journal may be longer than what memory holds. */
function list(host: Host, file: HostFile, json: boolean, flushes: boolean): void {
  if (!json && !flushes) host.out(lineOf("ENTRY", "WHAT", "OFFSET", "LENGTH"));
  for (const { at: _, ...e } of readLog(file)) {
    if (flushes && e.kind !== "flush") continue;
    if (json) host.out(`${JSON.stringify(e)}\n`);
    else if (flushes) host.out(`${e.number}\n`);
    else if (e.kind === "mark") host.out(lineOf(e.number, e.kind, "", "", printable(e.text)));
    else if (e.kind === "flush") host.out(lineOf(e.number, e.kind));
    else host.out(lineOf(e.number, e.kind, e.offset, e.length, e.kind === "write" && e.fua ? "at once" : ""));
  }
}
const lineOf = (
  n: number | string,
  kind: string,
  offset: number | string = "",
  length: number | string = "",
  more = "",
) =>
  `${String(n).padStart(8)} ${kind.padEnd(8)}${String(offset).padStart(15)} ${String(length).padStart(10)} ${more}`
    .trimEnd() + "\n";

/** What is to be done: entries up to a number, bytes they write, and where the disk must reach at least. */
interface Work {
  readonly last: number;
  readonly bytes: number;
  readonly end: number;
}
/** Look through a journal. Throws plain Errors for one that is damaged, or has no such entry. */
function survey(file: HostFile, until: string | undefined): Work {
  let [number, bytes, end] = [0, 0, 0];
  for (const e of readLog(file)) {
    if (String(number) === until && e.number > number) return { last: number, bytes, end };
    ({ number } = e);
    if ("offset" in e) end = Math.max(end, e.offset + e.length);
    if (e.kind === "write") bytes += e.length;
    if (e.kind === "mark" && e.text === until) return { last: number, bytes, end };
  }
  if (until === undefined || String(number) === until) return { last: number, bytes, end };
  throw new Error(
    /^\d+$/.test(until) ? `has ${number} entries, not ${until}` : `no mark ${JSON.stringify(until)}`,
  );
}
async function onto(
  host: Host,
  program: string,
  file: HostFile,
  journal: string,
  image: string,
  parsed: Options,
): Promise<void> {
  const until = parsed.options.findLast(([o]) => o === "until")?.[1];
  const work = attempt(program, journal, () => survey(file, until));
  const kernel = await toolKernel(host, program, parsed);
  const disk = await openWhole(host, kernel, program, image, { readOnly: false, ...imageUse(parsed) });
  try {
    if (!disk.write) throw new Failure("cannot be written");
    if (work.end > disk.size) throw new Failure(`the journal is of a disk of at least ${work.end} bytes`);
    await make(host, file, work, plain(disk));
    await disk.flush?.();
  } catch (e) {
    throw new Failure(`${program}: ${image}: ${reasonOf(e)}`);
  } finally {
    await disk.close?.();
  }
}
async function make(host: Host, file: HostFile, { last, bytes }: Work, disk: BlockDevice): Promise<void> {
  const turns = new Turns(host, bytes);
  const piece = new Uint8Array(PIECE);
  try {
    for (const e of readLog(file)) {
      if (e.number > last) break;
      if (e.kind === "flush" || e.kind === "mark") continue;
      // What is discarded may read as anything: as zeros, every time.
      for (let done = 0; done < e.length; done += PIECE) {
        const n = Math.min(PIECE, e.length - done);
        const data = e.kind === "write" ? piece.subarray(0, n) : ZEROS.subarray(0, n);
        if (e.kind === "write" && file.pread(data, e.at + done) < n) throw new Error(`entry ${e.number}: is cut off`);
        await disk.write!(data, e.offset + done);
        if (e.kind === "write") turns.progress.add(n);
        await turns.turn();
      }
    }
  } finally {
    turns.progress.end();
  }
}
