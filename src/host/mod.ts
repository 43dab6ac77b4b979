/** The machine underneath; the only place that asks which runtime this is. */
import type { Host } from "./host.ts";

export const host: Host = ("Bun" in globalThis ? await import("./bun.ts") : await import("./deno.ts")).host;
