/** What of a program goes to the rump kernel: RUMPHIJACK and its relatives, as rumphijack(3) has them. */
import { parseRetry, type Retry } from "../proxy/reconnect.ts";

/** Families of sockets by NetBSD's names: those of a program that are the rump kernel's. */
export const families = ["local", "inet", "inet6", "route", "link", "oroute", "mpls"] as const;
export type Family = (typeof families)[number];
export type SocketRules = ReadonlySet<Family>;

/** Linux's numbers of those it has (linux/socket.h); interfaces and routes are netlink's there. */
const linux: Readonly<Partial<Record<Family, number>>> = { local: 1, inet: 2, inet6: 10, route: 16, mpls: 28 };
/** Address families as the host numbers them. */
export const linuxFamilies = (rules: SocketRules): number[] =>
  [...rules].map((family) => linux[family]).filter((n) => n !== undefined);

export interface HijackConfig {
  /** Where the rump kernel's files appear; undefined: nowhere. */
  readonly path: string | undefined;
  /** Directories and files that are the rump kernel's of the same name. */
  readonly blanket: readonly string[];
  readonly sockets: SocketRules;
  /** Variables of the kernel, too. */
  readonly sysctl: boolean;
  readonly retry: Retry | undefined;
}
/** rumphijack(3): so that networked programs of X work, which talk to their server by local sockets. */
export const DEFAULT = "path=/rump,socket=all:nolocal";

/** A value that cannot be: the message is one line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
function wrong(text: string): never {
  throw new ConfigError(text);
}

/** A list `all:noinet6` or `inet:inet6`: `all` comes first, then each adds to it, or with `no` takes away. */
function chosen<T extends string>(text: string, names: readonly T[], what: string): ReadonlySet<T> {
  const words = text.split(":").filter((word) => word !== "");
  const set = new Set<T>(words[0] === "all" ? names : []);
  for (const word of words[0] === "all" ? words.slice(1) : words) {
    const added = names.find((n) => n === word);
    const name = added ?? names.find((n) => `no${n}` === word);
    if (name === undefined) wrong(`${what}: ${word}: not one of all, ${names.join(", ")}, or no with one of them`);
    if (added) set.add(name);
    else set.delete(name);
  }
  return set;
}
/** A list of socket families. Throws ConfigError. */
export const parseSockets = (text: string): SocketRules => chosen(text, families, "socket");

/** An absolute path as a mount point is named: no empty, "." or ".." parts, no slash at the end. */
function directory(text: string, what: string): string {
  if (!text.startsWith("/")) wrong(`${what}: ${text || '""'}: must begin with /`);
  if (/^\/+$/.test(text)) wrong(`${what}: ${text}: the whole of the host's files cannot be hijacked`);
  if (text.endsWith("/")) wrong(`${what}: ${text}: must not end in /`);
  if (text.split("/").slice(1).some((part) => part === "" || part === "." || part === "..")) {
    wrong(`${what}: ${text}: must be plain, without //, . and ..`);
  }
  return text;
}
/** Where the files appear. Throws ConfigError. */
export const parsePath = (text: string): string => directory(text, "path");
/** Prefixes with colons between. Throws ConfigError. */
export const parseBlanket = (text: string): string[] =>
  text.split(":").filter((part) => part !== "").map((part) => directory(part, "blanket"));

function parseSysctl(text: string | undefined): boolean {
  const word = text?.toLowerCase() ?? "yes";
  if (["y", "yes", "yep", "tottakai"].includes(word)) return true;
  return ["n", "no"].includes(word) ? false : wrong(`sysctl: ${text}: must be yes or no`);
}
/** The number of rump descriptors' first: here they are the host's own, and need none. */
function checkOffset(text: string): void {
  const n = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (n < 3 || n >= 2 ** 30) wrong(`fdoff: ${text}: must be a number from 3 on`);
}
/** Calls that only NetBSD has: asked for or not, no program here makes them. */
const vfsCalls = ["nfssvc", "getvfsstat", "fhcalls"] as const;

type Parts = { -readonly [K in keyof HijackConfig]: HijackConfig[K] };
const readers: Readonly<Record<string, (into: Parts, value: string) => void>> = {
  path: (c, value) => void (c.path = parsePath(value)),
  blanket: (c, value) => void (c.blanket = parseBlanket(value)),
  socket: (c, value) => void (c.sockets = parseSockets(value)),
  vfs: (_, value) => void chosen(value, vfsCalls, "vfs"),
  fdoff: (_, value) => checkOffset(value),
};
const NOTHING: HijackConfig = { path: undefined, blanket: [], sockets: new Set(), sysctl: false, retry: undefined };

/** A value of RUMPHIJACK; undefined: it is not set. An empty one hijacks nothing. Throws ConfigError. */
export function parseHijack(text: string = DEFAULT): HijackConfig {
  const config: Parts = { ...NOTHING };
  for (const part of text.split(",").filter((p) => p !== "")) {
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(part)!;
    if (name === "sysctl") config.sysctl = parseSysctl(value);
    else if (!Object.hasOwn(readers, name!)) wrong(`${name}: not one of ${Object.keys(readers).join(", ")}, sysctl`);
    else if (value === undefined) wrong(`${name}: needs a value`);
    else readers[name!]!(config, value);
  }
  return config;
}

/** The configuration an environment asks for. Throws ConfigError that names the variable. */
export function configOf(env: (name: string) => string | undefined): HijackConfig {
  const retry = env("RUMPHIJACK_RETRYCONNECT");
  try {
    const config = parseHijack(env("RUMPHIJACK"));
    if (retry === undefined) return config;
    return { ...config, retry: retryOf(retry) };
  } catch (e) {
    if (e instanceof ConfigError && !e.message.startsWith("RUMPHIJACK")) {
      throw new ConfigError(`RUMPHIJACK: ${e.message}`);
    }
    throw e;
  }
}
function retryOf(text: string): Retry | undefined {
  try {
    return parseRetry(text);
  } catch (e) {
    return wrong((e as Error).message);
  }
}
