/** How a connection becomes an export: fixed newstyle, with NBD_OPT_GO where the server knows it. */
import { viewOf } from "../../src/lib/struct.ts";
import { encodeName } from "../../src/lib/text.ts";
import {
  Answer,
  ANSWER_MAGIC,
  FIXED_NEWSTYLE,
  Hello,
  IHAVEOPT,
  INFO_BLOCK_SIZE,
  INFO_EXPORT,
  InfoBlockSize,
  InfoExport,
  NBDMAGIC,
  NO_ZEROES,
  OldExport,
  OPT,
  Option,
  REP_ACK,
  REP_ERRORS,
  REP_INFO,
  REP_META_CONTEXT,
  REP_TLS,
  REP_UNKNOWN,
  REP_UNSUPPORTED,
} from "./layout.ts";
import type { Stream } from "./stream.ts";

export interface Export {
  readonly size: number;
  readonly flags: number;
  /** Bytes transfers are multiples of, and at most. */
  readonly least: number;
  readonly most: number;
  /** Replies may come in pieces. */
  readonly structured: boolean;
  /** The number by which base:allocation is told: where the disk has data. */
  readonly allocation?: number | undefined;
}
/** What the server says is wrong; its message is for people. */
export class Refused extends Error {}

/** Longest answer to an option that is taken. */
const LONGEST = 4096;
/** Answers to one option, at most. */
const MOST_ANSWERS = 64;
const MOST = 32 << 20;

/** The server's greeting, and ours; its flags. Throws Refused. */
export function greeted(s: Stream): number {
  const hello = viewOf(s.take(Hello.size));
  const { get } = Hello;
  const magic = [get.magicHigh(hello, 0), get.magicLow(hello, 0), get.optionHigh(hello, 0), get.optionLow(hello, 0)];
  if (magic.join() !== [...NBDMAGIC, ...IHAVEOPT].join()) throw new Refused("not an NBD server (or of the old style)");
  const flags = get.flags(hello, 0);
  if (!(flags & FIXED_NEWSTYLE)) throw new Refused("the server knows no options");
  const reply = new Uint8Array(4);
  viewOf(reply).setUint32(0, FIXED_NEWSTYLE | flags & NO_ZEROES);
  s.send(reply);
  return flags;
}
/** Have an export opened; `flags` of the server's greeting, undefined where it was before TLS. Throws Refused. */
export function negotiate(s: Stream, name: string, flags = 0): Export {
  const structured = ask(s, OPT.STRUCTURED_REPLY, new Uint8Array(0), () => {}) === REP_ACK;
  const allocation = structured ? allocationOf(s, name) : undefined;
  return { ...go(s, name, structured) ?? byName(s, name, { structured, zeroes: !(flags & NO_ZEROES) }), allocation };
}
/** Have it told where the disk has data; the number of that context, undefined where the server has it not. */
function allocationOf(s: Stream, name: string): number | undefined {
  const [text, context] = [encodeName(name), encodeName("base:allocation")];
  const data = new Uint8Array(12 + text.length + context.length);
  const d = viewOf(data);
  d.setUint32(0, text.length);
  data.set(text, 4);
  d.setUint32(4 + text.length, 1);
  d.setUint32(8 + text.length, context.length);
  data.set(context, 12 + text.length);
  let id: number | undefined;
  try {
    ask(s, OPT.SET_META_CONTEXT, data, (told) => {
      if (told.length >= 4) id = viewOf(told).getUint32(0);
    });
  } catch (e) {
    if (!(e instanceof Refused)) throw e; // what else it has against the export it says again
  }
  return id;
}
/** Ask for an option; the type of the last answer. `info` sees the data of those before it. Throws Refused. */
function ask(s: Stream, option: number, data: Uint8Array, info: (data: Uint8Array) => void): number {
  put(s, option, data);
  for (let n = 0; n < MOST_ANSWERS; n++) {
    const d = viewOf(s.take(Answer.size));
    const { get } = Answer;
    if (get.magicHigh(d, 0) !== ANSWER_MAGIC[0] || get.magicLow(d, 0) !== ANSWER_MAGIC[1]) {
      throw new Refused("no answer of NBD");
    }
    const [type, length] = [get.type(d, 0), get.length(d, 0)];
    if (length > LONGEST) throw new Refused("an answer without end");
    const text = s.take(length);
    if (type === REP_INFO || type === REP_META_CONTEXT) info(text);
    else if (type < REP_ERRORS || type === REP_UNSUPPORTED) return type;
    else throw new Refused(words(type, text));
  }
  throw new Refused("answers without end");
}
function words(type: number, text: Uint8Array): string {
  if (type === REP_TLS) return "the server wants TLS: nbds://";
  const said = new TextDecoder().decode(text).replace(/\p{C}/gu, " ").trim();
  return said || (type === REP_UNKNOWN ? "no such export" : `refused (error ${type - REP_ERRORS})`);
}
function put(s: Stream, option: number, data: Uint8Array): void {
  const head = new Uint8Array(Option.size);
  Option.write(viewOf(head), 0, { magicHigh: IHAVEOPT[0], magicLow: IHAVEOPT[1], option, length: data.length });
  s.send(head, data);
}
/** NBD_OPT_GO; undefined: the server does not know it. */
function go(s: Stream, name: string, structured: boolean): Export | undefined {
  const text = encodeName(name);
  const data = new Uint8Array(4 + text.length + 4);
  const d = viewOf(data);
  d.setUint32(0, text.length);
  data.set(text, 4);
  d.setUint16(4 + text.length, 1);
  d.setUint16(6 + text.length, INFO_BLOCK_SIZE);
  let [size, flags, least, most] = [-1, 0, 1, MOST];
  const type = ask(s, OPT.GO, data, (info) => {
    const i = viewOf(info);
    const kind = info.length >= 2 ? i.getUint16(0) : -1;
    if (kind === INFO_EXPORT && info.length >= InfoExport.size) {
      [size, flags] = [InfoExport.get.size(i, 0), InfoExport.get.flags(i, 0)];
    } else if (kind === INFO_BLOCK_SIZE && info.length >= InfoBlockSize.size) {
      [least, most] = [InfoBlockSize.get.least(i, 0), Math.min(MOST, InfoBlockSize.get.most(i, 0))];
    }
  });
  if (type === REP_UNSUPPORTED) return undefined;
  const power = least >= 1 && least <= 65536 && Number.isInteger(Math.log2(least));
  if (!Number.isSafeInteger(size) || size < 0 || !power || most < least) throw new Refused("an export of no sense");
  return { size, flags, least, most: Math.floor(most / least) * least, structured };
}
/** The old way to an export: a server that has it not hangs up. */
function byName(s: Stream, name: string, how: { structured: boolean; zeroes: boolean }): Export {
  put(s, OPT.EXPORT_NAME, encodeName(name));
  const d = viewOf(s.take(OldExport.size + (how.zeroes ? 124 : 0)));
  const [size, flags] = [OldExport.get.size(d, 0), OldExport.get.flags(d, 0)];
  if (!Number.isSafeInteger(size)) throw new Refused("an export of no sense");
  return { size, flags, least: 1, most: MOST, structured: how.structured };
}
