/** Whom a client of tls:// believes, and who a server is: what is written in the environment and in options. */
import type { Security } from "../plugin.ts";

/** Environment variables of a client: a file of authorities (PEM), and a certificate's fingerprint. */
export const TLS_CA = "RUMP_TLS_CA";
export const TLS_FINGERPRINT = "RUMP_TLS_FINGERPRINT";

/** `sha256:` and 64 hexadecimal digits, colons between them or not, as openssl x509 -fingerprint shows them. Throws an Error that says so. */
export function parseFingerprint(text: string): Uint8Array {
  const digits = /^sha256[:=]?((?:[0-9a-f]{2}:?){32})$/i.exec(text.replace(/^sha256 fingerprint=/i, "sha256:"))?.[1];
  const bytes = digits?.match(/[0-9a-f]{2}/gi)?.map((x) => parseInt(x, 16));
  if (bytes?.length !== 32) throw new Error(`${text}: a fingerprint is sha256: and 64 hexadecimal digits`);
  return new Uint8Array(bytes);
}

/** What a client is told by variables. Throws an Error that names the variable. */
export function trustOf(env: (name: string) => string | undefined, read: (path: string) => string): Security {
  const [ca, fingerprint] = [env(TLS_CA), env(TLS_FINGERPRINT)];
  return {
    ...(ca ? { ca: told(TLS_CA, () => authorities(ca, read)) } : {}),
    ...(fingerprint ? { fingerprint: told(TLS_FINGERPRINT, () => parseFingerprint(fingerprint)) } : {}),
  };
}
function authorities(path: string, read: (path: string) => string): string {
  const text = read(path);
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Error(`${path}: no certificate (PEM)`);
  return text;
}
function told<T>(variable: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw new Error(`${variable}: ${e instanceof Error ? e.message : e}`);
  }
}
