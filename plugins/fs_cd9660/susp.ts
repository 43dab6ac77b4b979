/**
 * System use fields (SUSP, IEEE P1281) and what Rock Ridge (RRIP, IEEE P1282) says with them: names, modes, links, times.
 * A field that does not fit ends the list; what was read until then counts.
 */
import { encodeName } from "../../src/lib/text.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { longDate, shortDate } from "./dates.ts";

/** A run of bytes of the image that goes on with the list: undefined when it is not at hand yet. */
export type Area = (block: number, offset: number, length: number) => Uint8Array | undefined;

/** What the fields of a record say. Times in seconds since 1970. */
export interface Rock {
  /** st_mode, with the type. */
  mode?: number;
  nlink?: number;
  uid?: number;
  gid?: number;
  rdev?: number;
  /** Where a symbolic link leads. */
  target?: Uint8Array;
  name?: Uint8Array;
  birthtime?: number;
  mtime?: number;
  atime?: number;
  ctime?: number;
  /** It stands for the directory at this block (it was too deep to be there itself). */
  child?: number;
  /** This directory is shown elsewhere, by such a record. */
  relocated?: boolean;
  /** Its data is compressed (zisofs): bytes of the file, of a block, of the header. */
  packed?: { readonly size: number; readonly block: number; readonly header: number };
  /** Its data is laid out as this driver cannot read. */
  sparse?: boolean;
}

/** Hops of one list: a record's own area and what it goes on in. */
const MOST_AREAS = 32;
/** Longest name and link target, bytes. */
const LONGEST_NAME = 255;
const LONGEST_TARGET = 1023;

/** The fields' meaning; undefined while an area is missing. `skip`: bytes before the first field of a record. */
export function readRock(use: Uint8Array, skip: number, area: Area): Rock | undefined {
  const list = new Fields();
  let part: Uint8Array | undefined = use.subarray(skip);
  for (let hop = 0; part; hop++) {
    const next = list.add(part);
    if (!next || hop === MOST_AREAS) break;
    part = area(next.block, next.offset, next.length);
    if (!part) return undefined;
  }
  return list.done();
}
/** Bytes to skip in each record's area, from the root's "." (SP); undefined: no Rock Ridge here. */
export function rockSkip(use: Uint8Array): number | undefined {
  // CD-ROM XA puts 14 bytes of its own first.
  for (const at of [0, 14]) {
    if (sign(use, at) === "SP" && use[at + 4] === 0xbe && use[at + 5] === 0xef && at + 7 <= use.length) {
      return use[at + 6]!;
    }
  }
  return sign(use, 0) === "RR" || sign(use, 0) === "PX" ? 0 : undefined;
}
const sign = (b: Uint8Array, at: number) => at + 4 <= b.length ? String.fromCharCode(b[at]!, b[at + 1]!) : undefined;

interface Continuation {
  readonly block: number;
  readonly offset: number;
  readonly length: number;
}
/** Gathers one record's fields. */
class Fields {
  readonly rock: Rock = {};
  readonly #name: number[] = [];
  readonly #target: number[] = [];
  #named = false;
  #isLink = false;
  /** The next component of the target goes on the last one. */
  #joined = true;

  /** Take the fields of a part; where the list goes on. */
  add(part: Uint8Array): Continuation | undefined {
    let next: Continuation | undefined;
    const d = viewOf(part);
    let length = 0;
    for (let at = 0; at + 4 <= part.length; at += length) {
      length = part[at + 2]!;
      if (length < 4 || at + length > part.length) break;
      const id = sign(part, at)!;
      if (id === "ST") break;
      const field = new DataView(part.buffer, part.byteOffset + at, length);
      if (id === "CE" && length >= 28) {
        next = {
          block: d.getUint32(at + 4, true),
          offset: d.getUint32(at + 12, true),
          length: d.getUint32(at + 20, true),
        };
      } else this.#take(id, field, part.subarray(at, at + length));
    }
    return next;
  }
  done(): Rock {
    const { rock } = this;
    if (this.#named) rock.name = Uint8Array.from(this.#name);
    if (this.#isLink) rock.target = Uint8Array.from(this.#target);
    return rock;
  }
  #take(id: string, d: DataView, b: Uint8Array): void {
    if (id === "PX" && b.length >= 36) this.#px(d);
    else if (id === "PN" && b.length >= 20) this.rock.rdev = device(d.getUint32(4, true), d.getUint32(12, true));
    else if (id === "NM" && b.length >= 5) this.#nm(b);
    else if (id === "SL" && b.length >= 5) this.#sl(b);
    else if (id === "TF" && b.length >= 5) times(b, this.rock);
    else if (id === "CL" && b.length >= 12) this.rock.child = d.getUint32(4, true);
    else if (id === "RE") this.rock.relocated = true;
    else if (id === "SF") this.rock.sparse = true;
    else if (id === "ZF" && b.length >= 16 && b[4] === 0x70 && b[5] === 0x7a) {
      this.rock.packed = { header: b[6]! * 4, block: b[7]!, size: d.getUint32(8, true) };
    }
  }
  #px(d: DataView): void {
    const { rock } = this;
    [rock.mode, rock.nlink, rock.uid, rock.gid] = [4, 12, 20, 28].map((at) => d.getUint32(at, true)) as [
      number,
      number,
      number,
      number,
    ];
  }
  #nm(b: Uint8Array): void {
    const special = b[4]! & (NAME_CURRENT | NAME_PARENT);
    if (special || this.#name.length + b.length - 5 > LONGEST_NAME) return;
    this.#named = true;
    this.#name.push(...b.subarray(5));
  }
  #sl(b: Uint8Array): void {
    this.#isLink = true;
    for (let at = 5; at + 2 <= b.length; at += 2 + b[at + 1]!) {
      const [flags, end] = [b[at]!, at + 2 + b[at + 1]!];
      if (end > b.length) return;
      this.#component(flags, b.subarray(at + 2, end));
    }
  }
  #component(flags: number, text: Uint8Array): void {
    const target = this.#target;
    const part = flags & NAME_CURRENT ? DOT : flags & NAME_PARENT ? DOTS : flags & NAME_ROOT ? SLASH : text;
    if (target.length + part.length >= LONGEST_TARGET) return;
    if (!this.#joined) target.push(0x2f);
    target.push(...part);
    // A root component is its own separator.
    this.#joined = (flags & NAME_CONTINUES) !== 0 || (flags & NAME_ROOT) !== 0;
  }
}
const NAME_CONTINUES = 1;
const NAME_CURRENT = 2;
const NAME_PARENT = 4;
const NAME_ROOT = 8;
const [DOT, DOTS, SLASH] = [encodeName("."), encodeName(".."), encodeName("/")] as const;

/** TF: the times whose bits are set, in the order of the bits. */
const TIMES = ["birthtime", "mtime", "atime", "ctime"] as const;
const LONG_FORM = 0x80;
function times(b: Uint8Array, rock: Rock): void {
  const [flags, each, date] = b[4]! & LONG_FORM ? [b[4]!, 17, longDate] : [b[4]!, 7, shortDate];
  let at = 5;
  for (let bit = 0; bit < TIMES.length; bit++) {
    if (!(flags & 1 << bit)) continue;
    if (at + each > b.length) return;
    const time = date(b, at);
    if (time !== undefined) rock[TIMES[bit]!] = time;
    at += each;
  }
}
/** makedev(3): writers put it whole into the low word, or major and minor apart. */
function device(high: number, low: number): number {
  if (high === 0) return low;
  return ((high << 8 & 0xfff00) | (low << 12 & 0xfff00000) | (low & 0xff)) >>> 0;
}
