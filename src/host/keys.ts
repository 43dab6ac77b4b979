/** Ed25519 by the runtime's node:crypto. */
import { late } from "./late.ts";
import type { Host } from "./host.ts";

const base64 = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
/** A JSON web key (RFC 8037): both runtimes take it. */
const jwk = (x: Uint8Array, d?: Uint8Array) => ({
  kty: "OKP",
  crv: "Ed25519",
  x: base64(x),
  ...(d ? { d: base64(d) } : {}),
});

export const keys: Pick<Host, "sign" | "verify"> = {
  sign({ seed, publicKey }, message) {
    const { createPrivateKey, sign } = late("crypto");
    return new Uint8Array(sign(null, message, createPrivateKey({ key: jwk(publicKey, seed), format: "jwk" })));
  },
  verify(publicKey, message, signature) {
    const { createPublicKey, verify } = late("crypto");
    return verify(null, message, createPublicKey({ key: jwk(publicKey), format: "jwk" }), signature);
  },
};
