/** rump disk compare: whether two disks have the same bytes, whatever they are stored as. */
import type { Host } from "../../host/host.ts";
import type { Options } from "../../lib/getopt.ts";
import { shownUrl } from "../../lib/urls.ts";
import type { BlockDevice } from "../../plugin.ts";
import { Answered, Failure, type Grammar, reasonOf, UsageError } from "../cli.ts";
import { openWhole, SOURCE_HELP, SOURCE_LETTERS, toolKernel } from "./disk_open.ts";
import { blamed, nextPiece, PIECE, plain, readPiece, Turns } from "./disk_pieces.ts";
import { imageUse } from "./image_use.ts";

export const compareGrammar: Grammar = {
  usage:
    "[-jq] [--strict] [--format format] [--backing image] [--other-format format] [--other-backing image] disk other",
  about:
    "Compare two disks: images of any format, partitions, devices, URLs. Of two sizes the longer one's rest must be\n" +
    "zeros. Status: 0 they are the same, 1 they differ, 2 they could not be compared.",
  letters: `jq${SOURCE_LETTERS}`,
  help: {
    strict: "disks of two sizes differ",
    q: "say nothing: the status tells",
    j: "as JSON",
    ...SOURCE_HELP,
    "other-format=": "the same of the second disk",
    "other-backing=": "the same of the second disk",
  },
  examples: ["disk.img disk.qcow2", "-q 'disk.img%GPT:1%' part.img", "--backing base.img changes.qcow2 whole.img"],
};
const SAME = 0;
const DIFFERENT = 1;
const TROUBLE = 2;

export async function compare(host: Host, program: string, parsed: Options): Promise<number> {
  try {
    return await compareBoth(host, program, parsed);
  } catch (e) {
    if (e instanceof Answered || e instanceof UsageError) throw e;
    host.err(`${e instanceof Failure && e.message.startsWith(program) ? e.message : `${program}: ${reasonOf(e)}`}\n`);
    return TROUBLE;
  }
}
async function compareBoth(host: Host, program: string, parsed: Options): Promise<number> {
  const { options } = parsed;
  const [one, two] = parsed.rest as [string, string];
  const has = (name: string) => options.some(([o]) => o === name);
  const kernel = await toolKernel(host, program, parsed);
  const others = options.filter(([o]) => o.startsWith("other-") || o === "direct")
    .map(([o, v]) => [o.replace("other-", ""), v] as const);
  const open = async (source: string, how: Options) =>
    blamed(
      await openWhole(host, kernel, program, source, { readOnly: true, ...imageUse(how) }),
      `${program}: ${shownUrl(source)}`,
    );
  const a = await open(one, parsed);
  const b = await open(two, { options: others, rest: [] });
  try {
    const at = has("strict") && a.size !== b.size ? undefined : await firstDifference(host, a, b);
    const equal = at === -1;
    if (has("j")) {
      host.out(`${JSON.stringify({ equal, offset: equal ? null : at ?? null, sizes: [a.size, b.size] })}\n`);
    } else if (!has("q")) host.out(`${sentence(at, a, b)}\n`);
    return equal ? SAME : DIFFERENT;
  } finally {
    await a.close?.();
    await b.close?.();
  }
}
function sentence(at: number | undefined, a: BlockDevice, b: BlockDevice): string {
  if (at === undefined) return `the sizes differ: ${a.size} and ${b.size} bytes`;
  if (at >= 0) return `the first difference is at byte ${at}`;
  return a.size === b.size
    ? "the disks are the same"
    : `the disks are the same, but for zeros behind ${Math.min(a.size, b.size)}`;
}

/** Offset of the first byte in which they differ, -1: none; what one has not counts as zeros. Throws what the disks throw. */
async function firstDifference(host: Host, one: BlockDevice, other: BlockDevice): Promise<number> {
  const [a, b] = [plain(one), plain(other)];
  const size = Math.max(a.size, b.size);
  const turns = new Turns(host, size);
  const [x, y] = [new Uint8Array(PIECE), new Uint8Array(PIECE)];
  const next = (d: BlockDevice, at: number) =>
    at >= d.size ? size : nextPiece(d, at).then((n) => (n >= d.size ? size : n));
  try {
    for (let at = 0; at < size;) {
      const data = Math.min(await next(a, at), await next(b, at));
      turns.progress.add(Math.min(size, data) - at, 0);
      at = data;
      const n = Math.min(PIECE, size - at);
      if (n <= 0) break;
      await readPiece(a, x.subarray(0, n), at);
      await readPiece(b, y.subarray(0, n), at);
      if (!host.same(x.subarray(0, n), y.subarray(0, n))) return at + x.findIndex((byte, i) => byte !== y[i]);
      at += n;
      turns.progress.add(n);
      await turns.turn();
    }
    return -1;
  } finally {
    turns.progress.end();
  }
}
