/** rump.dd: copy a file in blocks (dd(1)); `host:` files on either side. */
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "../../abi/flags.ts";
import { parseSize } from "../../lib/getopt.ts";
import { Failure } from "../cli.ts";
import { words } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

interface Side {
  read(into: Uint8Array): number;
  write(from: Uint8Array): number;
  seek(offset: number): void;
  close(): void;
}
const MAX_BLOCK = 1 << 30;
const CONVERSIONS = ["notrunc", "sync", "noerror", "swab", "lcase", "ucase", "fsync"];

function operands(t: Tool): Map<string, string> {
  const known = ["if", "of", "bs", "ibs", "obs", "count", "skip", "iseek", "seek", "oseek", "conv", "msgfmt", "status"];
  const out = new Map<string, string>();
  for (const arg of t.rest) {
    const at = arg.indexOf("=");
    const name = arg.slice(0, at);
    if (at < 0 || !known.includes(name)) throw new Failure(`${t.name}: unknown operand ${at < 0 ? arg : name}`);
    out.set(name, arg.slice(at + 1));
  }
  return out;
}
function number(
  t: Tool,
  ops: Map<string, string>,
  name: string,
  otherwise: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const text = ops.get(name);
  if (text === undefined) return otherwise;
  const n = parseSize(text);
  if (n === undefined || n < least || n > most) throw new Failure(`${t.name}: ${name}: illegal numeric value`);
  return n;
}

function rumpSide(t: Tool, path: string, flags: number): Side {
  const fd = t.sys.open({ path, flags, mode: 0o666 });
  return {
    read: (buf) => t.sys.read({ fd, buf }),
    write: (buf) => t.sys.write({ fd, buf }),
    seek: (offset) => void t.sys.lseek({ fd, offset, whence: 0 }),
    close: () => void t.sys.close({ fd }),
  };
}
function hostSide(t: Tool, path: string, write: boolean, truncate: boolean): Side {
  const file = t.host.open(path, write ? { write, create: true, truncate } : {});
  let at = 0;
  const advance = (n: number) => {
    at += n;
    return n;
  };
  return {
    read: (into) => advance(file.pread(into, at)),
    write: (from) => advance(file.pwrite(from, at)),
    seek: (offset) => void (at = offset),
    close: () => file.close(),
  };
}
/** Standard input and output of the host. */
function standard(t: Tool): Side {
  return {
    read(into) {
      const bytes = t.host.input(into.length);
      if (bytes) into.set(bytes);
      return bytes?.length ?? 0;
    },
    write: (from) => (t.out(from), from.length),
    seek(offset) {
      if (offset > 0) throw new Failure(`${t.name}: standard input and output cannot seek`);
    },
    close: () => {},
  };
}
function openSide(t: Tool, path: string | undefined, write: boolean, truncate: boolean): Side {
  if (path === undefined) return standard(t);
  if (path.startsWith("host:")) return hostSide(t, path.slice(5), write, truncate);
  if (!write) return rumpSide(t, path, O_RDONLY);
  const flags = O_CREAT | (truncate ? O_TRUNC : 0);
  try {
    return rumpSide(t, path, O_RDWR | flags);
  } catch {
    return rumpSide(t, path, O_WRONLY | flags);
  }
}

interface Counts {
  full: number;
  partial: number;
}
class Copy {
  readonly #t: Tool;
  readonly #ops: Map<string, string>;
  readonly #conv: readonly string[];
  readonly in: Counts = { full: 0, partial: 0 };
  readonly out: Counts = { full: 0, partial: 0 };
  bytes = 0;

  constructor(t: Tool) {
    this.#t = t;
    this.#ops = operands(t);
    this.#conv = (this.#ops.get("conv") ?? "").split(",").filter((c) => c !== "");
    for (const c of this.#conv) if (!CONVERSIONS.includes(c)) throw new Failure(`${t.name}: unknown conversion ${c}`);
  }
  get quiet(): boolean {
    return this.#ops.get("status") === "none" || this.#ops.get("msgfmt") === "quiet";
  }
  run(): void {
    const t = this.#t;
    const bs = number(t, this.#ops, "bs", 512, 1, MAX_BLOCK);
    const [ibs, obs] = [number(t, this.#ops, "ibs", bs, 1, MAX_BLOCK), number(t, this.#ops, "obs", bs, 1, MAX_BLOCK)];
    const count = number(t, this.#ops, "count", Infinity, 0);
    const skip = number(t, this.#ops, "skip", number(t, this.#ops, "iseek", 0, 0), 0);
    const seek = number(t, this.#ops, "seek", number(t, this.#ops, "oseek", 0, 0), 0);
    const [from, to] = [this.#ops.get("if"), this.#ops.get("of")];
    const input = this.#named(from, () => openSide(t, from, false, false));
    const output = this.#named(to, () => openSide(t, to, true, !this.#conv.includes("notrunc") && seek === 0));
    this.#named(from, () => input.seek(skip * ibs));
    this.#named(to, () => output.seek(seek * obs));
    this.#blocks(input, output, ibs, obs, count);
    this.#named(to, () => output.close());
    input.close();
  }
  /** Failures are said with the file's name. */
  #named<T>(path: string | undefined, work: () => T): T {
    try {
      return work();
    } catch (e) {
      throw e instanceof Failure ? e : new Failure(`${this.#t.name}: ${path ?? "stdio"}: ${words(e)}`);
    }
  }
  #blocks(input: Side, output: Side, ibs: number, obs: number, count: number): void {
    const piece = new Uint8Array(ibs);
    for (let i = 0; i < count; i++) {
      const n = this.#readBlock(input, piece);
      if (n === 0) return;
      if (n === ibs) this.in.full++;
      else this.in.partial++;
      let block = piece.subarray(0, n);
      if (n < ibs && this.#conv.includes("sync")) block = piece.fill(0, n);
      this.#convert(block);
      this.#writeBlock(output, block, obs);
    }
  }
  #readBlock(input: Side, piece: Uint8Array): number {
    try {
      return input.read(piece);
    } catch (e) {
      if (!this.#conv.includes("noerror")) {
        throw new Failure(`${this.#t.name}: ${this.#ops.get("if") ?? "stdin"}: ${words(e)}`);
      }
      this.#t.complain(`${this.#ops.get("if") ?? "stdin"}: ${words(e)}`);
      return 0;
    }
  }
  #convert(block: Uint8Array): void {
    const lower = this.#conv.includes("lcase");
    if (!lower && !this.#conv.includes("ucase") && !this.#conv.includes("swab")) return;
    for (let i = 0; i < block.length; i++) {
      const b = block[i]!;
      if (lower && b >= 65 && b <= 90) block[i] = b + 32;
      if (this.#conv.includes("ucase") && b >= 97 && b <= 122) block[i] = b - 32;
    }
    if (this.#conv.includes("swab")) {
      for (let i = 0; i + 1 < block.length; i += 2) [block[i], block[i + 1]] = [block[i + 1]!, block[i]!];
    }
  }
  #writeBlock(output: Side, block: Uint8Array, obs: number): void {
    for (let at = 0; at < block.length;) {
      const part = block.subarray(at, at + obs);
      const n = this.#named(this.#ops.get("of"), () => output.write(part));
      if (n === 0) throw new Failure(`${this.#t.name}: ${this.#ops.get("of") ?? "stdout"}: end of device`);
      if (n === obs) this.out.full++;
      else this.out.partial++;
      this.bytes += n;
      at += n;
    }
  }
  summary(seconds: number): string {
    const rate = Math.floor(this.bytes / Math.max(seconds, 0.001));
    return `${this.in.full}+${this.in.partial} records in\n${this.out.full}+${this.out.partial} records out\n` +
      `${this.bytes} bytes transferred in ${Math.max(seconds, 0.001).toFixed(3)} secs (${rate} bytes/sec)\n`;
  }
}
export const { run, over } = fileProgram({
  usage: "[operand ...]",
  about:
    "Copy a file in blocks: if= of= bs= ibs= obs= count= skip= seek= conv=notrunc,sync,noerror,swab,lcase,ucase.\n" +
    "Sizes take suffixes (b k m g t) and products (2x512); host:path is a file of the host.",
  letters: "",
  help: {},
  examples: ["if=/dev/zero of=/tmp/z bs=1k count=10", "if=host:disk.img of=/tmp/x bs=1m"],
}, (t) => {
  const copy = new Copy(t);
  const start = t.host.now();
  try {
    copy.run();
  } catch (e) {
    if (!(e instanceof Failure)) throw e;
    t.status = 1;
    t.host.err(`${e.message}\n`);
  }
  if (!copy.quiet) t.host.err(copy.summary((t.host.now() - start) / 1000));
});
