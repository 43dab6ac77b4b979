/** rump_server's options about who may come in, and how much of the server clients may take. */
import type { Host } from "../../host/host.ts";
import type { Security } from "../../plugin.ts";
import { type Options, parseSize } from "../../lib/getopt.ts";
import type { Policy } from "../../proxy/admission.ts";
import type { Limits } from "../../proxy/server.ts";
import { Failure, reasonOf } from "../cli.ts";

/** Long options, for the grammar. */
export const accessHelp = {
  "allow=": "another user who may come in over unix://: uid=1000[,as=0][,ro][,path=/pub][,syscalls=open:read:close]",
  "keys=": "public keys (ssh-ed25519) that may come in, a line each, such options before them; needed over tcp:// then",
  "tls-cert=": "tls://: the server's certificate, PEM; behind it those that lead to its authority",
  "tls-key=": "tls://: the certificate's private key, PEM, without a passphrase",
  "allow-remote":
    "listen on addresses other machines can reach: without --keys whoever connects is root in the rump kernel",
  "max-clients=": "clients at once (10000)",
  "max-calls=": "calls of one client that may be waiting (1024)",
  "max-bytes=": "memory the waiting calls of one client may hold, with suffix k, m or g (16m)",
} as const;

export interface Access extends Partial<Limits> {
  readonly policy: Policy;
  /** Who this server is over tls://. */
  readonly security: Security;
}

/** What the options say. Throws Failure. */
export async function accessOf(host: Host, name: string, { options }: Pick<Options, "options">): Promise<Access> {
  const all = (option: string) => options.filter(([o]) => o === option).map(([, value]) => value);
  const keys = all("keys").at(-1);
  const count = (option: string) => countOf(name, option, all(option).at(-1));
  const [maxClients, maxCalls, maxBytes] = [count("max-clients"), count("max-calls"), count("max-bytes")];
  const pem = (option: "cert" | "key") => {
    const path = all(`tls-${option}`).at(-1);
    return path === undefined ? {} : { [option]: told(`${name}: ${path}`, () => textOf(host, path)) };
  };
  return {
    security: { ...pem("cert"), ...pem("key") },
    policy: {
      uid: host.uid,
      allow: all("allow").length === 0 ? new Map() : await allowed(name, all("allow")),
      ...(keys === undefined ? {} : { keys: await keysIn(host, name, keys) }),
    },
    ...(maxClients === undefined ? {} : { maxClients }),
    ...(maxCalls === undefined ? {} : { maxCalls }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}
// Loaded when asked for: they know all system calls, and most servers admit their own user only.
async function allowed(name: string, texts: readonly string[]): Promise<NonNullable<Policy["allow"]>> {
  const { parseAllow } = await import("../../proxy/admission.ts");
  return new Map(texts.map((text) => told(`${name}: --allow ${text}`, () => parseAllow(text))));
}
async function keysIn(host: Host, name: string, path: string): Promise<NonNullable<Policy["keys"]>> {
  const { parseKeys } = await import("../../proxy/admission.ts");
  return told(`${name}: ${path}`, () => parseKeys(textOf(host, path)));
}
const textOf = (host: Host, path: string) => new TextDecoder().decode(host.readFile(path));
function countOf(name: string, option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const n = parseSize(text);
  if (!n) throw new Failure(`${name}: --${option} ${text}: not a number of at least 1`);
  return n;
}
function told<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (e) {
    throw new Failure(`${what}: ${reasonOf(e)}`);
  }
}
