/** rump disk replay: a journal of writes, listed or made again, up to any moment. */
import type { Host, HostFile } from "../host/host.ts";
import type { Options } from "../lib/getopt.ts";
import type { BlockDevice } from "../plugin.ts";
import { Failure, type Grammar, reasonOf, usage } from "./cli.ts";
import { type Found, readLog } from "./disk_log.ts";
import { openWhole, toolKernel } from "./disk_open.ts";
import { PIECE, plain, Turns, ZEROS } from "./disk_pieces.ts";
import { imageUse } from "./serve_options.ts";
import { columns } from "./table.ts";

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

const place = (e: Found) => "offset" in e ? [e.offset, e.length] as const : ["", ""] as const;
function list(host: Host, file: HostFile, json: boolean, flushes: boolean): void {
  if (json || flushes) {
    for (const { at: _, ...e } of readLog(file)) {
      if (!flushes || e.kind === "flush") host.out(flushes && !json ? `${e.number}\n` : `${JSON.stringify(e)}\n`);
    }
    return;
  }
  const all = [...readLog(file)];
  if (all.length === 0) return host.out("nothing was written\n");
  const lines = columns(all, [
    { head: "ENTRY", of: (e) => e.number, right: true },
    { head: "WHAT", of: (e) => e.kind },
    { head: "OFFSET", of: (e) => place(e)[0], right: true },
    { head: "LENGTH", of: (e) => place(e)[1], right: true },
    { head: "", of: (e) => (e.kind === "mark" ? e.text : e.kind === "write" && e.fua ? "at once" : "") },
  ]);
  host.out(`${lines.join("\n")}\n`);
}

/** The entries that are to be made. Throws plain Errors when there is none like that. */
function wanted(file: HostFile, until: string | undefined): Found[] {
  const all = [...readLog(file)];
  if (until === undefined) return all;
  const number = /^\d+$/.test(until) ? Number(until) : all.find((e) => e.kind === "mark" && e.text === until)?.number;
  if (number === undefined) throw new Error(`no mark ${JSON.stringify(until)}`);
  if (number > (all.at(-1)?.number ?? 0)) throw new Error(`has ${all.at(-1)?.number ?? 0} entries, not ${number}`);
  return all.filter((e) => e.number <= number);
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
  const entries = attempt(program, journal, () => wanted(file, until));
  const kernel = await toolKernel(host, program, parsed);
  const disk = await openWhole(host, kernel, program, image, { readOnly: false, ...imageUse(parsed) });
  try {
    if (!disk.write) throw new Failure("cannot be written");
    const outside = entries.find((e) => "offset" in e && e.offset + e.length > disk.size);
    if (outside) throw new Failure(`entry ${outside.number} lies behind its end: it is of a larger disk`);
    await make(host, file, entries, plain(disk));
    await disk.flush?.();
  } catch (e) {
    throw new Failure(`${program}: ${image}: ${reasonOf(e)}`);
  } finally {
    await disk.close?.();
  }
}
async function make(host: Host, file: HostFile, entries: readonly Found[], disk: BlockDevice): Promise<void> {
  const lengths = entries.map((e) => (e.kind === "write" ? e.length : 0));
  const turns = new Turns(host, lengths.reduce((sum, n) => sum + n, 0));
  const bytes = new Uint8Array(PIECE);
  try {
    for (const e of entries) {
      if (e.kind === "flush" || e.kind === "mark") continue;
      // What is discarded may read as anything: as zeros, every time.
      for (let done = 0; done < e.length; done += PIECE) {
        const n = Math.min(PIECE, e.length - done);
        const data = e.kind === "write" ? bytes.subarray(0, n) : ZEROS.subarray(0, n);
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
