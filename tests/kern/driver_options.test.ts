import { describe, it } from "node:test";
import * as v from "valibot";
import { errno } from "../../src/abi/errno.ts";
import { optionRows, parseOptions } from "../../src/kern/driver_options.ts";
import type { Schema } from "../../src/plugin.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const level = v.pipe(v.number(), v.integer(), v.description("how deep"), v.metadata({ letter: "d" }));
const schema = v.strictObject({
  deep: v.optional(v.pipe(level, v.maxValue(9)), 3),
  size: v.optional(v.pipe(v.number(), v.metadata({ format: "size", also: ["bytes"] }))),
  mode: v.optional(v.pipe(v.number(), v.metadata({ format: "octal" }))),
  sync: v.optional(v.boolean(), false),
  order: v.optional(v.picklist(["name", "time"]), "name"),
  blocks: v.optional(v.picklist([512, 4096])),
  label: v.optional(v.string()),
});
/** As other libraries have it: checked by anything, told of in JSON Schema. */
const standard: Schema<Record<string, unknown>> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (x) =>
      (x as { n?: unknown }).n === 7 ? { value: x as Record<string, unknown> } : {
        issues: [{ message: "seven is wanted", path: [{ key: "n" }] }],
      },
    jsonSchema: {
      input: () => ({ type: "object", properties: { n: { type: "integer", description: "a number", default: 7 } } }),
    },
  },
};
const said = (s: Schema<unknown>, raw: unknown) => {
  let why = "";
  assertThrows(() => parseOptions(s, raw, (w) => void (why = w)), errno.EINVAL.constructor as never);
  return why;
};

describe("a driver's options", () => {
  it("are what a valibot schema says, through pipes and defaults", () => {
    assertEquals(optionRows(schema)!.map((r) => [r.name, r.kind, r.otherwise]), [
      ["deep", "number", 3],
      ["size", "number", undefined],
      ["mode", "number", undefined],
      ["sync", "flag", false],
      ["order", "words", "name"],
      ["blocks", "words", undefined],
      ["label", "text", undefined],
    ]);
    assertEquals([optionRows(schema)![0]!.about, optionRows(schema)![0]!.letter], ["how deep", "d"]);
  });
  it("are what the JSON Schema of any other library says", () => {
    const [row, ...more] = optionRows(standard)!;
    assertEquals([row!.name, row!.kind, row!.about, row!.otherwise, more.length], ["n", "number", "a number", 7, 0]);
    assertEquals(parseOptions(standard, { n: "7" }), { n: 7 });
    assertEquals(said(standard, { n: "8" }), "n: seven is wanted");
  });
  it("are read from text: numbers, sizes, octal modes, flags, words, other names", () => {
    const text = { deep: "4", bytes: "64k", mode: "755", sync: "", order: "time", blocks: "4096", label: "12" };
    const is = { deep: 4, size: 65536, mode: 0o755, sync: true, order: "time", blocks: 4096, label: "12" };
    assertEquals(parseOptions(schema, text) as unknown, is as unknown);
    assertEquals(parseOptions(schema, { sync: "no" }).sync, false);
  });
  it("that are wrong are EINVAL, and it is said which and why, in one line", () => {
    assertEquals(said(schema, { deep: "99" }), "deep: Invalid value: Expected <=9 but received 99");
    assertEquals(said(schema, { mode: "9" }), 'mode: Invalid type: Expected number but received "9"');
    assertEquals(
      said(schema, { none: "1" }),
      `none: no such option (${optionRows(schema)!.map((r) => r.name).join(", ")})`,
    );
  });
  it("of a driver that has none are not known", () => {
    assertEquals(optionRows(undefined), []);
  });
  it("of a schema that does not tell are taken as they come, a name alone as true", () => {
    const opaque: Schema<unknown> = {
      "~standard": { version: 1, vendor: "hand", validate: (value) => ({ value }) },
    };
    assertEquals([optionRows(opaque), parseOptions(opaque, { a: "", b: "2" })], [undefined, { a: true, b: "2" }]);
  });
});
