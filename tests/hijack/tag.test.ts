import { test } from "node:test";
import { decodeTag, encodeTag, MAX_TAG } from "../../src/lib/hijack_tag.ts";
import { assertEquals } from "../assert.ts";

const name = new Uint8Array([16, 2, 0, 53, 10, 0, 0, 1]);
const control = new Uint8Array([1, 2, 3]);

test("a datagram's tag keeps its name, flags and control messages", () => {
  assertEquals(decodeTag(encodeTag({ name, control, flags: 0x200 })), { errno: 0, name, control, flags: 0x200 });
});
test("an error's tag keeps its number", () => {
  assertEquals(decodeTag(encodeTag({ errno: 61 }))?.errno, 61);
});
test("control messages that do not fit are left out", () => {
  assertEquals(decodeTag(encodeTag({ name, control: new Uint8Array(MAX_TAG) }))?.control.length, 0);
});
test("what is cut is no tag", () => {
  const whole = encodeTag({ name, control });
  for (let n = 0; n < whole.length; n++) assertEquals(decodeTag(whole.subarray(0, n)), undefined);
});
test("lengths that are too long are no tag", () => {
  const bytes = encodeTag({ name });
  bytes.fill(255, 12, 16);
  assertEquals(decodeTag(bytes), undefined);
});
