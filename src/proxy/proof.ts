/** What a client signs to prove its key. */
const PREFIX = new TextEncoder().encode("rump_sp key proof 1\0");
/** Bytes of a challenge, and of what binds it to a server. */
export const NONCE = 32;

/**
 * What a client signs. `binding` is the server's: of a tls:// connection the certificate's hash as the client saw it, so
 * that nobody in between can use the signature; else the server's ephemeral name, which it is of no use to another server
 * with. (Who can change what travels over plain tcp:// can take over a proven connection: that is what tls:// is for.)
 */
export function proofText(binding: Uint8Array, nonce: Uint8Array): Uint8Array {
  const text = new Uint8Array(PREFIX.length + binding.length + nonce.length);
  text.set(PREFIX);
  text.set(binding, PREFIX.length);
  text.set(nonce, PREFIX.length + binding.length);
  return text;
}
