/** Modules of the runtime that cost milliseconds to load and that most commands never need: loaded when first used. */
import process from "node:process";

interface Modules {
  fs: typeof import("node:fs");
  os: typeof import("node:os");
  crypto: typeof import("node:crypto");
  child_process: typeof import("node:child_process");
  dns: typeof import("node:dns");
  net: typeof import("node:net");
  tls: typeof import("node:tls");
  url: typeof import("node:url");
  zlib: typeof import("node:zlib");
}

/** A built-in module, now. */
export function late<K extends keyof Modules>(name: K): Modules[K] {
  return process.getBuiltinModule(`node:${name}`) as unknown as Modules[K];
}
