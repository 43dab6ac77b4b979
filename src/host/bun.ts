/// <reference types="bun-types" />
/** The host under Bun, as a script or as the compiled executable. */
import process from "node:process";
import { drainMicrotasks } from "bun:jsc";
import { makeHost } from "./node.ts";

const compiled = (process.argv[1] ?? "").startsWith("/$bunfs/");
/** In the executable argv[0] is what was typed, the link's name; a script is `rump APPLET …`. */
const argv0 = compiled ? process.argv0 : "rump";

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

export const host = makeHost({
  runtime: "bun",
  argv: [argv0, ...process.argv.slice(2)],
  self: { path: process.execPath, args: compiled ? [] : [process.argv[1] ?? ""] },
  turn,
  ioTurn: turn,
  now: () => Bun.nanoseconds() / 1e6,
  microtasks: drainMicrotasks,
  warm: () => Bun.unsafe.setJITPolicy(1),
  collect() {
    Bun.gc(true);
    Bun.shrink();
  },
});
