/** OpenSSH's Ed25519 key files (PROTOCOL.key, RFC 8709): public key lines with options before them, and private keys. */
import { viewOf } from "../lib/struct.ts";

const TYPE = "ssh-ed25519";
/** Bytes of a public key, of a seed, and of a private key (seed and public key). */
export const KEY = 32;
const PRIVATE = 64;

/** A file of keys that cannot be used: the message says why. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}
export interface PrivateKey {
  /** 32 bytes each. */
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
}
/** One line of authorized keys. */
export interface KeyLine {
  readonly publicKey: Uint8Array;
  /** What stands before the key, "" when nothing does. */
  readonly options: string;
  readonly comment: string;
}

/** Reads u32-counted strings; KeyError past the end. */
class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }
  u32(): number {
    if (this.#at + 4 > this.#bytes.length) throw new KeyError("the key is cut short");
    this.#at += 4;
    return viewOf(this.#bytes).getUint32(this.#at - 4);
  }
  bytes(): Uint8Array {
    const n = this.u32();
    if (n > this.#bytes.length - this.#at) throw new KeyError("the key is cut short");
    this.#at += n;
    return this.#bytes.subarray(this.#at - n, this.#at);
  }
  text(): string {
    return new TextDecoder().decode(this.bytes());
  }
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text.replace(/\s/g, "")), (c) => c.charCodeAt(0));
  } catch {
    throw new KeyError("not base64");
  }
}
function publicKeyOf(blob: Uint8Array): Uint8Array {
  const r = new Reader(blob);
  if (r.text() !== TYPE) throw new KeyError(`not an ${TYPE} key`);
  const key = r.bytes();
  if (key.length !== KEY) throw new KeyError("a key of the wrong length");
  return key.slice();
}

/** What stands before the first blank that is not in quotes, and the rest. */
function word(line: string): readonly [string, string] {
  const [all] = /^(?:[^\s"]|"[^"]*")*/.exec(line)!;
  return [all, line.slice(all.length).trimStart()];
}

/** A line of an authorized keys file: `[options] ssh-ed25519 base64 [comment]`. Undefined: nothing stands there. Throws KeyError. */
export function parseKeyLine(line: string): KeyLine | undefined {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return undefined;
  const [first, rest] = word(text);
  const [options, key] = /^(ssh|ecdsa|sk)-/.test(first) ? ["", text] : [first, rest];
  const [type, blob, ...comment] = key.split(/\s+/);
  if (type !== TYPE || blob === undefined) throw new KeyError(`no ${TYPE} key`);
  return { publicKey: publicKeyOf(fromBase64(blob)), options, comment: comment.join(" ") };
}

/** A private key file of ssh-keygen without a passphrase. Throws KeyError. */
export function parsePrivateKey(file: string): PrivateKey {
  const m = /^-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END OPENSSH PRIVATE KEY-----\s*$/.exec(file.trim());
  if (!m) throw new KeyError("not an OpenSSH private key");
  const all = fromBase64(m[1]!);
  const magic = "openssh-key-v1\0";
  if (new TextDecoder().decode(all.subarray(0, magic.length)) !== magic) {
    throw new KeyError("not an OpenSSH private key");
  }
  const r = new Reader(all, magic.length);
  if (r.text() !== "none") throw new KeyError("the key has a passphrase; keys without one can be used");
  r.bytes(); // key derivation: none
  r.bytes();
  if (r.u32() !== 1) throw new KeyError("not one key");
  const publicKey = publicKeyOf(r.bytes());
  return { publicKey, seed: seedOf(new Reader(r.bytes()), publicKey) };
}
function seedOf(r: Reader, publicKey: Uint8Array): Uint8Array {
  if (r.u32() !== r.u32()) throw new KeyError("the key is damaged");
  if (r.text() !== TYPE) throw new KeyError(`not an ${TYPE} key`);
  r.bytes();
  const both = r.bytes();
  if (both.length !== PRIVATE || String(both.subarray(KEY)) !== String(publicKey)) {
    throw new KeyError("the key is damaged");
  }
  return both.slice(0, KEY);
}
