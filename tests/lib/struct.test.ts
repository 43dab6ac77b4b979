import { describe, it } from "node:test";
import * as structs from "../../src/abi/structs.ts";
import { bytes, i64, type Struct, struct, u16, u32, u64, u8, viewOf } from "../../src/lib/struct.ts";
import { assertEquals, assertThrows } from "../assert.ts";

describe("struct", () => {
  it("fields lie at their offsets in either byte order", () => {
    for (const order of ["le", "be"] as const) {
      const s = struct(order, { a: u8, b: u16, c: u32, d: u64, e: bytes(3) }, 18);
      const d = viewOf(new Uint8Array(32));
      s.write(d, 1, { a: 1, b: 0x203, c: 0x4050607, d: 2 ** 40 + 5, e: new Uint8Array([9, 8, 7]) });
      assertEquals(s.dump(d, 1), { a: 1, b: 0x203, c: 0x4050607, d: 2 ** 40 + 5, e: new Uint8Array([9, 8, 7]) });
      assertEquals(d.getUint8(2), order === "le" ? 3 : 2);
    }
  });
  it("a list of fields that does not add up fails at once", () => {
    assertThrows(() => struct("le", { a: u8 }, 2), Error, "1 bytes, not 2");
  });
  it("signed 64 bits hold negative times", () => {
    const s = struct("le", { t: i64 }, 8);
    const d = viewOf(new Uint8Array(8));
    for (const t of [-1, -(2 ** 40) - 3, 0, 2 ** 52]) {
      s.set.t(d, 0, t);
      assertEquals([s.get.t(d, 0), d.getBigInt64(0, true)], [t, BigInt(t)]);
    }
  });
  // Constants of their sizes and offsets stand beside them.
  const all = Object.entries(structs).filter(([, s]) => typeof s === "object" && "at" in s);
  for (const [name, s] of all as unknown as [string, Struct<Record<never, never>>][]) {
    it(`every field of ${name} reads back what was written, at an odd base`, () => {
      const d = viewOf(new Uint8Array(s.size + 3));
      const fields = s as unknown as Struct<{ x: typeof u32 }>;
      for (const field of Object.keys(s.at) as "x"[]) {
        const was = fields.get[field](d, 3);
        const value = typeof was === "string" ? "text" : typeof was === "number" ? 7 : new Uint8Array(0);
        fields.set[field](d, 3, value as number);
        if (typeof was !== "object") assertEquals(fields.get[field](d, 3), value as number);
      }
    });
  }
});
