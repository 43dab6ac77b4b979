const utf8 = new TextEncoder();
/** What a client signs to prove its key begins so. */
const PLAIN = utf8.encode("rump_sp key proof 1\0");
/** Another one where the stream itself is bound: what a plain client was made to sign is of no use over tls://. */
const BOUND = utf8.encode("rump_sp key proof 1 tls\0");
/** Bytes of a challenge, and of what binds it to a server. */
export const NONCE = 32;

/** What a proof is bound to: the stream's own binding, where it has one; else the name the server gave itself. */
export interface Binding {
  readonly bound: Uint8Array | undefined;
  readonly name: Uint8Array;
}

/**
 * What a client signs. The binding is the server's: of a tls:// connection the certificate's hash as the client saw it, so
 * that nobody in between can use the signature; else the server's ephemeral name, which it is of no use to another server
 * with. (Who can change what travels over plain tcp:// can take over a proven connection: that is what tls:// is for.)
 */
export function proofText({ bound, name }: Binding, nonce: Uint8Array): Uint8Array {
  const [prefix, binding] = bound ? [BOUND, bound] : [PLAIN, name];
  const text = new Uint8Array(prefix.length + binding.length + nonce.length);
  text.set(prefix);
  text.set(binding, prefix.length);
  text.set(nonce, prefix.length + binding.length);
  return text;
}
