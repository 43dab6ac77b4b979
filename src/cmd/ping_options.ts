/** Options that ping and ping6 have in common. */
import type { PingOptions } from "./ping_loop.ts";
import { numberOption } from "./probe_options.ts";
import type { Tool } from "./tool.ts";

const MAX_COUNT = 0x7fff_ffff;
const MAX_SECONDS = 86_400;
/** Requests that may go out before the first reply is looked for. */
const MAX_PRELOAD = 10_000;
/** Seconds for the last reply. */
const PATIENCE = 10;

/** What the loop is told. Throws Failure for numbers that are none. */
export function loopOptions(t: Tool, patience = PATIENCE): PingOptions {
  const seconds = { least: 0.001, most: MAX_SECONDS, parts: true };
  return {
    count: numberOption(t, "c", Infinity, { least: 1, most: MAX_COUNT }),
    interval: numberOption(t, "i", 1, seconds) * 1000,
    preload: numberOption(t, "l", 0, { least: 0, most: MAX_PRELOAD }),
    patience: numberOption(t, "w", patience, seconds) * 1000,
    flood: t.has("f"),
    quiet: t.has("q"),
    once: t.has("o"),
    audible: t.has("a"),
  };
}
