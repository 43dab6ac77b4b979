/** Options that ping and ping6 have in common. */
import type { PingOptions } from "./ping_loop.ts";
import { numberOption } from "./probe_options.ts";
import type { Tool } from "../tool.ts";

const MAX_COUNT = 0x7fff_ffff;
const MAX_SECONDS = 86_400;
/** Requests that may go out before the first reply is looked for. */
const MAX_PRELOAD = 10_000;
const SECONDS = { least: 0.001, most: MAX_SECONDS, parts: true };
const FLOOD_SECONDS = 0.01;

/** What the loop is told. Throws Failure for numbers that are none. */
export function loopOptions(t: Tool, last: Pick<PingOptions, "patience" | "deadline">): PingOptions {
  return {
    count: numberOption(t, "c", Infinity, { least: 1, most: MAX_COUNT }),
    interval: intervalOption(t),
    preload: numberOption(t, "l", 0, { least: 0, most: MAX_PRELOAD }),
    flood: t.has("f"),
    quiet: t.has("q"),
    once: t.has("o"),
    audible: t.has("a"),
    ...last,
  };
}
/** Milliseconds between two requests. */
export function intervalOption(t: Tool): number {
  return numberOption(t, "i", t.has("f") ? FLOOD_SECONDS : 1, SECONDS) * 1000;
}
/** Milliseconds, from an option in seconds; Infinity: it is not given. */
export const deadlineOption = (t: Tool, letter: string): number => numberOption(t, letter, Infinity, SECONDS) * 1000;
