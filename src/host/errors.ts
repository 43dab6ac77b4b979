/** Failures of host calls: the host's errno by name, and NetBSD's for what goes on into the kernel. */
import { late } from "./late.ts";
import { errno, type ErrnoName, SysError } from "../abi/errno.ts";
import type { HostError } from "./host.ts";

// Host names that NetBSD has under another name.
const netbsd: Readonly<Record<string, ErrnoName>> = { EWOULDBLOCK: "EAGAIN", ENOTSUP: "EOPNOTSUPP" };
/** The host's errno names by number: made when something fails. */
let names: ReadonlyMap<number, string> | undefined;
const hostNames = () =>
  new Map(
    Object.entries(late("os").constants.errno).filter(([name]) => !(name in netbsd)).map(([name, n]) => [n, name]),
  );
const reasons: Readonly<Record<string, string>> = {
  ENXIO: "no such device or address",
  ENODEV: "no such device",
  EBUSY: "device or resource busy",
  ENOTCONN: "transport endpoint is not connected",
  ETIMEDOUT: "connection timed out",
};

function known(code: string): ErrnoName | undefined {
  const name = netbsd[code] ?? code;
  return Object.hasOwn(errno, name) ? name as ErrnoName : undefined;
}

/** An error of the host by name ("ENOENT"), with a plain reason; `what` goes before the reason. */
export function hostError(code: string, what?: string): HostError {
  const name = known(code);
  const reason = reasons[code] ?? (name ? errno[name].message.toLowerCase() : `unknown error ${code}`);
  return Object.assign(new Error(what === undefined ? reason : `${what}: ${reason}`), { code });
}
/** The name of a host errno number. */
export const errnoName = (n: number): string => (names ??= hostNames()).get(n) ?? `E${n}`;

/** Throw what a host call failed with, when it did: results below 0 are minus the errno. */
export function check(result: number, what?: string): number {
  if (result < 0) throw hostError(errnoName(-result), what);
  return result;
}

/** Why a connection failed: errno, or that its host is unknown. */
export function connectError(e: unknown): Error {
  const { code, hostname } = e as { code?: string; hostname?: string };
  return code === "ENOTFOUND" || code === "EAI_AGAIN" ? unknownHost(hostname ?? "") : hostErrno(e);
}
/** A name the resolver does not know. */
export const unknownHost = (name: string): Error => new Error(`${name}: unknown host`);

/** NetBSD's error for a host failure; anything that is not one is EIO. */
export function hostErrno(e: unknown): SysError {
  if (e instanceof SysError) return e;
  const code = (e as { code?: unknown } | undefined)?.code;
  const name = typeof code === "string" ? known(code) : undefined;
  return name ? errno[name] : errno.EIO;
}
