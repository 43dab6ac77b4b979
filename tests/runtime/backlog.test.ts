import { describe, it } from "node:test";
import { backlog } from "../../src/host/backlog.ts";
import { assertEquals } from "../assert.ts";

const MIB = 1 << 20;
/** Streams by name with so many MiB waiting each; the names of those that are closed for it. */
function closed(sizes: Readonly<Record<string, number>>): string[] {
  const gone: string[] = [];
  const streams = Object.keys(sizes).map((name) => ({ name, close: () => void gone.push(name) }));
  for (const stream of streams) if (!gone.includes(stream.name)) backlog(stream, sizes[stream.name]! * MIB);
  for (const stream of streams) backlog(stream, 0);
  return gone;
}

describe("bytes that wait for slow peers", () => {
  it("of one, up to 64 MiB are kept", () => assertEquals(closed({ a: 64 }), []));
  it("more than that end its stream", () => assertEquals(closed({ a: 3, b: 65 }), ["b"]));
  it("more than 256 MiB of all end the longest, and no other", () =>
    assertEquals(closed({ a: 50, b: 64, c: 60, d: 60, e: 22, f: 1 }), ["b"]));
  it("what has gone out, or with its stream, counts no more", () => {
    assertEquals(closed({ a: 64, b: 64, c: 64, d: 64 }), []);
    assertEquals(closed({ a: 64, b: 64, c: 64, d: 64 }), []);
  });
});
