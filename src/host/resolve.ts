/** Host names for clients that block: by the system's resolver, as getent(1) asks it. */
import { isAddress } from "../lib/address.ts";
import type { SocketAddress } from "../plugin.ts";
import { unknownHost } from "./errors.ts";
import { late } from "./late.ts";
import { connectRaw } from "./sockets_raw.ts";

const TIMEOUT_MS = 10_000;

/** Addresses of a name, best first; none: it is unknown. */
export function addressesOf(name: string): string[] {
  const { stdout } = late("child_process").spawnSync("getent", ["ahosts", name], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: TIMEOUT_MS,
  });
  // A scope says which interface a link's address is of: connect(2) would want it apart.
  const found = (stdout ?? "").split("\n").map((line) => line.split(/\s/)[0]!).filter(isAddress);
  return [...new Set(found)].filter((a) => !a.includes("%"));
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
