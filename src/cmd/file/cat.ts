/** rump.cat: print files (cat(1)). */
import { PIECE } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

function cat(t: Tool, path: string): void {
  const [tree, at] = t.tree(path);
  const file = tree.reader(at);
  try {
    const into = new Uint8Array(PIECE);
    const show = t.has("b", "e", "n", "s", "t", "v") ? new Shown(t) : undefined;
    for (let n = file.read(into); n > 0; n = file.read(into)) {
      if (show) show.add(into.subarray(0, n));
      else t.out(into.subarray(0, n));
    }
    show?.end();
  } finally {
    file.close();
  }
}

/** -b -e -n -s -t -v: line by line. */
class Shown {
  readonly #t: Tool;
  #line: number[] = [];
  #number = 0;
  #blank = false;
  constructor(t: Tool) {
    this.#t = t;
  }
  add(bytes: Uint8Array): void {
    for (const b of bytes) {
      this.#line.push(b);
      if (b === 10) this.end();
    }
  }
  end(): void {
    if (this.#line.length === 0) return;
    const line = this.#line;
    this.#line = [];
    const blank = line.length === 1 && line[0] === 10;
    const skip = blank && this.#blank && this.#t.has("s");
    this.#blank = blank;
    if (skip) return;
    const numbered = this.#t.has("n") || (this.#t.has("b") && !blank);
    const head = this.#t.has("n", "b") && numbered ? `${String(++this.#number).padStart(6)}\t` : "";
    this.#t.out(new Uint8Array([...new TextEncoder().encode(head), ...line.flatMap((b) => this.#show(b))]));
  }
  #show(b: number): number[] {
    if (b === 10) return this.#t.has("e") ? [0x24, 10] : [10];
    if (b === 9) return this.#t.has("t") ? [0x5e, 0x49] : [9];
    if (!this.#t.has("e", "t", "v") || (b >= 32 && b < 127)) return [b];
    if (b >= 128) return [0x4d, 0x2d, ...(b - 128 < 32 ? [0x5e, b - 64] : b === 255 ? [0x5e, 0x3f] : [b - 128])];
    return [0x5e, b ^ 64];
  }
}

export const { run, over } = fileProgram({
  usage: "[-benstv] [file ...]",
  about: "Print files of the rump kernel; host:path is a file of the host.",
  letters: "benstv",
  help: {
    b: "number the lines that are not blank",
    e: "show line ends as $, and what does not print",
    n: "number the lines",
    s: "of several blank lines show one",
    t: "show tabs as ^I, and what does not print",
    v: "show what does not print",
  },
}, (t) => {
  if (t.rest.length === 0) t.usage();
  for (const path of t.rest) t.attempt(path, () => cat(t, path));
}, () => true);
