/** A directory's records, read whole: names and files. Records may go on elsewhere in the image: those places are read in rounds. */
import { type Async, then, times } from "../../src/lib/async.ts";
import { decodeName } from "../../src/lib/text.ts";
import { isName, type NameStyle, shownName } from "./names.ts";
import { type Ground, type Node, nodeOf } from "./node.ts";
import { type Raw, readRecord } from "./record.ts";
import { type Area, readRock, type Rock } from "./susp.ts";

/** Bytes a directory may have: some 100,000 files with long names. */
export const LARGEST_DIRECTORY = 16 << 20;
/** Rounds of reading: a list of fields has no more parts, and a moved directory takes one of its own. */
const MOST_ROUNDS = 40;

/** How the volume's directories are to be read. */
export interface Reading extends Ground {
  readonly style: NameStyle;
  /** Bytes to skip in the system use areas; undefined: no Rock Ridge. */
  readonly skip: number | undefined;
  /** Blocks there are. */
  readonly blocks: number;
  /** Read a block. */
  block(n: number): Async<Uint8Array>;
  /** Something is wrong with it: one line. */
  damaged(what: string): void;
}
interface Pending {
  readonly raws: Raw[];
  /** Of the first record, in bytes of the image. */
  readonly position: number;
}

/** Parts of the image that fields go on in: what is asked for and not at hand is read before the next try. */
class Areas {
  readonly #r: Reading;
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #missing = new Set<number>();

  constructor(r: Reading) {
    this.#r = r;
  }
  readonly area: Area = (block, offset, length) => {
    if (block >= this.#r.blocks || offset + length > this.#r.blockSize) return EMPTY;
    const bytes = this.#blocks.get(block);
    if (!bytes) this.#missing.add(block);
    return bytes?.subarray(offset, offset + length);
  };
  /** Try until nothing is missing (`attempt` gives no undefined), or for so long that it is a circle. */
  rounds<T>(attempt: () => T | undefined, left = MOST_ROUNDS): Async<T | undefined> {
    const made = attempt();
    if (made !== undefined || left === 0) return made;
    return then(this.#fetch(), () => this.rounds(attempt, left - 1));
  }
  #fetch(): Async<void> {
    const wanted = [...this.#missing].sort((a, b) => a - b);
    this.#missing.clear();
    return times(
      wanted.length,
      (i) => then(this.#r.block(wanted[i]!), (bytes) => void this.#blocks.set(wanted[i]!, bytes)),
    );
  }
}
const EMPTY = new Uint8Array(0);

/** The files of a directory that begins at byte `position` of the image, in the order they stand there. */
export function readDirectory(r: Reading, bytes: Uint8Array, position: number): Async<Map<string, Node>> {
  const areas = new Areas(r);
  const pending = recordsOf(r, bytes, position);
  const files: (Named | false)[] = new Array(pending.length).fill(false);
  let waiting = [...pending.keys()];
  const attempt = () => {
    waiting = waiting.filter((i) => {
      const file = fileOf(r, pending[i]!, areas.area);
      if (file !== undefined) files[i] = file;
      return file === undefined;
    });
    return waiting.length === 0 || undefined;
  };
  return then(areas.rounds(attempt), () => named(r, files));
}
/** The directory at `block`, by its own "." record: only there are a root's modes. Undefined: there is none. */
export function directoryAt(r: Reading, block: number): Async<Node | undefined> {
  const areas = new Areas(r);
  return then(areas.rounds(() => movedTo(r, block, areas.area)), (node) => node || undefined);
}
type Named = readonly [name: string, node: Node];

/** First of a name wins: the newest version stands first. */
function named(r: Reading, files: readonly (Named | false)[]): Map<string, Node> {
  const map = new Map<string, Node>();
  for (const file of files) {
    if (!file) continue;
    const [name, node] = file;
    if (!isName(name)) r.damaged(`a file has the name ${JSON.stringify(name)}`);
    else if (!map.has(name)) map.set(name, node);
  }
  return map;
}

/** Records, those of one file together. A record never crosses a block: what is left of one after the last is zeros. */
function recordsOf(r: Reading, bytes: Uint8Array, position: number): Pending[] {
  const found: Pending[] = [];
  let open: Pending | undefined;
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0) {
      at = (Math.floor(at / r.blockSize) + 1) * r.blockSize;
      continue;
    }
    const raw = readRecord(bytes, at, bytes.length);
    if (!raw) {
      r.damaged(`a directory is damaged at byte ${position + at}`);
      at = (Math.floor(at / r.blockSize) + 1) * r.blockSize;
      continue;
    }
    if (!isDot(raw) && !raw.isAssociated) {
      if (open) open.raws.push(raw);
      else found.push(open = { raws: [raw], position: position + at });
      if (!raw.continues) open = undefined;
    }
    at += raw.length;
  }
  return found;
}
const isDot = ({ name }: Raw) => name.length === 1 && name[0]! <= 1;

/** Name and file; `false`: nothing to show; undefined: a part has to be read first. */
function fileOf(r: Reading, { raws, position }: Pending, area: Area): Named | false | undefined {
  const rock = rockOf(r, raws[0]!, area);
  if (!rock) return undefined;
  if (rock.relocated) return false;
  const name = rock.name ? decodeName(rock.name) : shownName(raws[0]!.name, r.style);
  if (rock.child === undefined) return [name, nodeOf(r, raws, rock, position)];
  const moved = movedTo(r, rock.child, area);
  return moved && [name, moved];
}
function rockOf(r: Reading, raw: Raw, area: Area): Rock | undefined {
  return r.skip === undefined ? {} : readRock(raw.use, r.skip, area);
}
function movedTo(r: Reading, block: number, area: Area): Node | false | undefined {
  const bytes = area(block, 0, r.blockSize);
  if (!bytes) return undefined;
  const self = readRecord(bytes, 0, bytes.length);
  if (!self?.isDirectory) {
    r.damaged(`no directory at block ${block}`);
    return false;
  }
  const rock = rockOf(r, self, area);
  return rock && nodeOf(r, [{ ...self, extent: block }], rock, 0);
}
