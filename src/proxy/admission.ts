/** Who may come in, and as whom: by the peer's user on unix sockets, by a proven Ed25519 key anywhere. */
import type { Grant } from "./grants.ts";
import { KeyError, parseKeyLine } from "./ssh_keys.ts";
import { parseGrant } from "./grants.ts";

/** A server's rules. */
export interface Policy {
  /** The user who may come besides root, on unix sockets, as super-user; left out: anybody whom the socket's permissions let in. */
  readonly uid?: number;
  /** Other users of this machine, by uid. */
  readonly allow?: ReadonlyMap<number, Grant>;
  /** Grants by public key (`keyName`). Once there are keys, nobody comes in over a network without one. */
  readonly keys?: ReadonlyMap<string, Grant>;
}
/** How a client that has not proven a key may come in: with a grant, or not at all. */
export type Entrance =
  | { readonly grant: Grant }
  /** `final`: no key and no cookie helps. */
  | { readonly refused: string; readonly final?: boolean };

/** A public key as the name of a map's entry. */
export const keyName = (publicKey: Uint8Array): string => String(publicKey);

/** `credentials` are of a unix socket's peer. */
export function entrance(
  policy: Policy,
  unix: boolean,
  credentials: { readonly uid: number; readonly gid: number } | undefined,
): Entrance {
  const everything = { grant: {} };
  const keyless = "a key is needed: RUMP_KEY names its file";
  if (!unix) return policy.keys ? { refused: keyless } : everything;
  if (policy.uid === undefined || !credentials) return everything;
  const { uid, gid } = credentials;
  if (uid === policy.uid || uid === 0) return everything;
  const grant = policy.allow?.get(uid);
  if (grant) return { grant: { uid, gid, ...grant } };
  return { refused: `uid ${uid} may not use this server${policy.keys ? `; ${keyless}` : ""}` };
}

/** Authorized keys: a line is `[options] ssh-ed25519 KEY [comment]`. Throws KeyError with the number of the line. */
export function parseKeys(text: string): ReadonlyMap<string, Grant> {
  const keys = new Map<string, Grant>();
  for (const [i, line] of text.split("\n").entries()) {
    try {
      const key = parseKeyLine(line);
      if (key) keys.set(keyName(key.publicKey), parseGrant(key.options));
    } catch (e) {
      throw new KeyError(`line ${i + 1}: ${(e as Error).message}`);
    }
  }
  return keys;
}
/** `uid=1000[,as=uid][,gid=…,ro,syscalls=…,path=…]`: a user of this machine and what it may do. Throws an Error that says what is bad. */
export function parseAllow(text: string): readonly [uid: number, grant: Grant] {
  const m = /^uid=(\d{1,10})(?:,(.*))?$/s.exec(text);
  if (!m) throw new Error("it begins with uid=NUMBER");
  return [Number(m[1]), parseGrant((m[2] ?? "").replace(/(^|,)as=/, "$1uid="))];
}
