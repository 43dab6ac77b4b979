/** CRC-64 as xz has it (ECMA-182: polynomial C96C5795D7870F42 reflected, start and end complemented), in halves of 32 bits. */

const [LOW, HIGH] = [0xd7870f42, 0xc96c5795];
interface Tables {
  readonly low: readonly Int32Array[];
  readonly high: readonly Int32Array[];
}
let tables: Tables | undefined;
/** Of a byte at its place in a word of four, and four more. */
function makeTables(): Tables {
  const low = Array.from({ length: 4 }, () => new Int32Array(256));
  const high = Array.from({ length: 4 }, () => new Int32Array(256));
  for (let n = 0; n < 256; n++) {
    let [l, h] = [n, 0];
    for (let step = 0; step < 4; step++) {
      for (let bit = 0; bit < 8; bit++) {
        const one = l & 1;
        l = l >>> 1 | h << 31;
        h >>>= 1;
        if (one) [l, h] = [l ^ LOW, h ^ HIGH];
      }
      [low[step]![n], high[step]![n]] = [l, h];
    }
  }
  return { low, high };
}

export class Crc64 {
  #low = -1;
  #high = -1;

  update(bytes: Uint8Array): void {
    tables ??= makeTables();
    const [l0, l1, l2, l3] = tables.low as [Int32Array, Int32Array, Int32Array, Int32Array];
    const [h0, h1, h2, h3] = tables.high as [Int32Array, Int32Array, Int32Array, Int32Array];
    let low = this.#low;
    let high = this.#high;
    const words = bytes.length & ~3;
    let i = 0;
    for (; i < words; i += 4) {
      const c = low ^ (bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24);
      low = l3[c & 0xff]! ^ l2[c >>> 8 & 0xff]! ^ l1[c >>> 16 & 0xff]! ^ l0[c >>> 24]! ^ high;
      high = h3[c & 0xff]! ^ h2[c >>> 8 & 0xff]! ^ h1[c >>> 16 & 0xff]! ^ h0[c >>> 24]!;
    }
    for (; i < bytes.length; i++) {
      const c = (low ^ bytes[i]!) & 0xff;
      low = (low >>> 8 | high << 24) ^ l0[c]!;
      high = high >>> 8 ^ h0[c]!;
    }
    this.#low = low;
    this.#high = high;
  }
  /** Eight bytes, the lowest first. */
  digest(): Uint8Array {
    const d = new DataView(new ArrayBuffer(8));
    d.setInt32(0, ~this.#low, true);
    d.setInt32(4, ~this.#high, true);
    return new Uint8Array(d.buffer);
  }
}
