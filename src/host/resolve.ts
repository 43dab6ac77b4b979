/** Host names for clients that block: by the system's resolver, as getent(1) asks it. */
import { isAddress } from "../lib/address.ts";
import type { SocketAddress } from "../plugin.ts";
import { unknownHost } from "./errors.ts";
import { late } from "./late.ts";
import { connectRaw } from "./sockets_raw.ts";

const TIMEOUT_MS = 10_000;
/** Nobody waits longer for a name that only reads better than its address. */
const REVERSE_MS = 2000;

function getent(ms: number, ...args: string[]): string[] {
  const { stdout } = late("child_process").spawnSync("getent", args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: ms,
  });
  return (stdout ?? "").split("\n").filter((line) => line !== "");
}
/** Addresses of a name, best first; none: it is unknown. */
export function addressesOf(name: string): string[] {
  // A scope says which interface a link's address is of: connect(2) would want it apart.
  const found = getent(TIMEOUT_MS, "ahosts", name).map((line) => line.split(/\s/)[0]!).filter(isAddress);
  return [...new Set(found)].filter((a) => !a.includes("%"));
}
/** The first name of an address; undefined: none is known, or not in time. */
export function nameOfAddress(address: string): string | undefined {
  return getent(REVERSE_MS, "hosts", address)[0]?.split(/\s+/)[1];
}
/** Connect to an address, or to the first of a name's that answers; a descriptor. */
export function connectNamed(address: SocketAddress): number {
  if ("path" in address || isAddress(address.host)) return connectRaw(address);
  let last: unknown = unknownHost(address.host);
  for (const host of addressesOf(address.host)) {
    try {
      return connectRaw({ host, port: address.port });
    } catch (e) {
      last = e;
    }
  }
  throw last;
}
