/**
 * Filters before compression (xz-file-format.txt, 5.3.2 and 5.3.3), undone: branches of programs are told relative to where they are,
 * and bytes as differences.
 */

/** Undo a filter in place, in `bytes` of which the first is the `position`th of all. Bytes done; the rest waits for more. */
type Undo = (bytes: Uint8Array, position: number) => number;

/** 32 bits in both orders. */
const big = (b: Uint8Array, i: number) => b[i]! << 24 | b[i + 1]! << 16 | b[i + 2]! << 8 | b[i + 3]!;
const little = (b: Uint8Array, i: number) => b[i]! | b[i + 1]! << 8 | b[i + 2]! << 16 | b[i + 3]! << 24;
function setBig(b: Uint8Array, i: number, word: number): void {
  b[i] = word >>> 24;
  b[i + 1] = word >>> 16;
  b[i + 2] = word >>> 8;
  b[i + 3] = word;
}
function setLittle(b: Uint8Array, i: number, word: number): void {
  b[i] = word;
  b[i + 1] = word >>> 8;
  b[i + 2] = word >>> 16;
  b[i + 3] = word >>> 24;
}
/** Words of four bytes, each by itself; undefined: it stays as it is. */
function words(
  read: typeof big,
  write: typeof setBig,
  undone: (word: number, position: number) => number | undefined,
): () => Undo {
  return () => (bytes, position) => {
    let i = 0;
    for (; i + 4 <= bytes.length; i += 4) {
      const word = undone(read(bytes, i), position + i | 0);
      if (word !== undefined) write(bytes, i, word);
    }
    return i;
  };
}
const powerpc = words(
  big,
  setBig,
  (w, at) => (w & 0xfc000003) === 0x48000001 ? 0x48000001 | (w & 0x03fffffc) - at & 0x03fffffc : undefined,
);
const arm = words(
  little,
  setLittle,
  (w, at) => w >>> 24 === 0xeb ? 0xeb000000 | w - (at + 8 >> 2) & 0x00ffffff : undefined,
);
const sparc = words(big, setBig, (w, at) => {
  if (w >>> 22 !== 0x100 && w >>> 22 !== 0x1ff) return undefined;
  const to = (w << 2) - at >>> 2;
  return 0x40000000 - (to & 0x400000) | 0x40000000 | to & 0x3fffff;
});
const arm64 = words(little, setLittle, (w, at) => {
  if (w >>> 26 === 0x25) return 0x94000000 | w - (at >> 2) & 0x03ffffff;
  if ((w & 0x9f000000) !== (0x90000000 | 0)) return undefined;
  const page = w >>> 29 & 3 | w >>> 3 & 0x001ffffc;
  // Pages farther than 512 MiB were left as they are.
  if ((page + 0x00020000 & 0x001c0000) !== 0) return undefined;
  const to = page - (at >>> 12);
  return w & 0x9000001f | (to & 3) << 29 | (to & 0x0003fffc) << 3 | 0 - (to & 0x00020000) & 0x00e00000;
});
const thumb = (): Undo => (b, position) => {
  let i = 0;
  for (; i + 4 <= b.length; i += 2) {
    if ((b[i + 1]! & 0xf8) !== 0xf0 || (b[i + 3]! & 0xf8) !== 0xf8) continue;
    const from = (b[i + 1]! & 7) << 19 | b[i]! << 11 | (b[i + 3]! & 7) << 8 | b[i + 2]!;
    const to = (from << 1) - (position + i + 4) >>> 1;
    b[i + 1] = 0xf0 | to >>> 19 & 7;
    b[i] = to >>> 11;
    b[i + 3] = 0xf8 | to >>> 8 & 7;
    b[i + 2] = to;
    i += 2;
  }
  return i;
};
/** x86: an address is taken for one by its highest byte, unless others just before it were, too. */
const x86 = (): Undo => {
  const highest = (byte: number) => byte === 0 || byte === 0xff;
  const ALLOWED = [true, true, true, false, true, false, false, false];
  const BIT = [0, 1, 2, 2, 3, 3, 3, 3];
  /** Which of the last bytes were taken for a call, and where the last was. */
  let [mask, last] = [0, -5];
  return (b, position) => {
    if (b.length < 5) return 0;
    let before = last - position;
    let i = 0;
    for (; i <= b.length - 5; i++) {
      if ((b[i]! & 0xfe) !== 0xe8) continue;
      const distance = i - before;
      before = i;
      mask = distance > 3 ? 0 : mask << distance - 1 & 7;
      if (mask !== 0 && (!ALLOWED[mask] || highest(b[i + 4 - BIT[mask]!]!))) {
        mask = mask << 1 & 7 | 1;
        continue;
      }
      if (!highest(b[i + 4]!)) {
        mask = mask << 1 & 7 | 1;
        continue;
      }
      let from = little(b, i + 1);
      let to: number;
      for (;;) {
        to = from - (position + i + 5) | 0;
        if (mask === 0) break;
        const shift = BIT[mask]! * 8;
        if (!highest(to >>> 24 - shift & 0xff)) break;
        from = to ^ (1 << 32 - shift) - 1;
      }
      setLittle(b, i + 1, to << 7 >> 31 & 0xff000000 | to & 0x01ffffff);
      i += 4;
    }
    last = position + before;
    return i;
  };
};
const delta = (distance: number) => (): Undo => {
  const history = new Uint8Array(256);
  return (bytes, position) => {
    for (let i = 0; i < bytes.length; i++) {
      const at = position + i;
      history[at & 255] = bytes[i] = bytes[i]! + history[at - distance & 255]!;
    }
    return bytes.length;
  };
};
const branches: Readonly<Record<number, { readonly make: () => Undo; readonly step: number }>> = {
  4: { make: x86, step: 1 },
  5: { make: powerpc, step: 4 },
  7: { make: arm, step: 4 },
  8: { make: thumb, step: 2 },
  9: { make: sparc, step: 4 },
  10: { make: arm64, step: 4 },
};
const DELTA = 3;

/** What undoes a filter by its number and properties; undefined: it is unknown, or they are wrong. */
export function undoing(
  id: number,
  properties: Uint8Array,
): ((bytes: Uint8Array, last: boolean) => Uint8Array) | undefined {
  if (id === DELTA) return properties.length === 1 ? whole(delta(properties[0]! + 1)(), 0) : undefined;
  const branch = branches[id];
  if (!branch || properties.length !== 0 && properties.length !== 4) return undefined;
  const start = properties.length === 0 ? 0 : little(properties, 0) >>> 0;
  return start % branch.step === 0 ? whole(branch.make(), start) : undefined;
}
/** Bytes that wait for more are kept, and come before the next. */
function whole(undo: Undo, start: number): (bytes: Uint8Array, last: boolean) => Uint8Array {
  let rest = new Uint8Array(0);
  let position = start;
  return (bytes, last) => {
    const all = new Uint8Array(rest.length + bytes.length);
    all.set(rest);
    all.set(bytes, rest.length);
    const done = undo(all, position);
    position += done;
    rest = all.subarray(done);
    return last ? all : all.subarray(0, done);
  };
}
