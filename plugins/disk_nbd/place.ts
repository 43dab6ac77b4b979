/** URLs of NBD servers, as nbd_connect_uri(3) has them: nbd, nbds (with TLS), and either over a local socket. */
import { parseHostPort } from "../../src/lib/address.ts";
import type { SocketAddress } from "../../src/plugin.ts";

const PORT = 10809;

export interface Place {
  readonly address: SocketAddress;
  readonly name: string;
  readonly secure: boolean;
  /** tls-certificates: a directory with ca-cert.pem, and client-cert.pem and client-key.pem where the server asks for them. */
  readonly certificates?: string;
  /** tls-hostname: whom the server's certificate must be for. */
  readonly serverName?: string;
}
/** Make sense of a URL; a string says what is wrong. */
export function placeOf(url: string): Place | string {
  const [, scheme, unix, authority, path, query] =
    /^(nbds?)(\+unix)?:\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url) ?? [];
  if (scheme === undefined) return "not like nbd://host/export or nbd+unix:///export?socket=path";
  try {
    const words = new Map((query ?? "").split("&").filter((w) => w !== "").map(pair));
    const stray = [...words.keys()].find((word) => !KNOWN.includes(word));
    if (stray !== undefined) {
      return stray === "tls-psk-file" ? "TLS with a shared key is not supported" : `${stray}: unknown`;
    }
    const [certificates, serverName] = [words.get("tls-certificates"), words.get("tls-hostname")];
    return {
      address: addressOf(unix !== undefined, authority!, words.get("socket")),
      name: decodeURIComponent(path ?? ""),
      secure: scheme === "nbds",
      ...certificates !== undefined && { certificates },
      ...serverName !== undefined && { serverName },
    };
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}
const KNOWN = ["socket", "tls-certificates", "tls-hostname"];
function pair(word: string): readonly [string, string] {
  const at = word.indexOf("=");
  return at < 0 ? [word, ""] : [word.slice(0, at), decodeURIComponent(word.slice(at + 1))];
}
function addressOf(unix: boolean, authority: string, socket: string | undefined): SocketAddress {
  if (!unix) return parseHostPort(/:\d+$/.test(authority) ? `${authority}/` : `${authority}:${PORT}/`, "client", "nbd");
  if (authority !== "" || !socket) throw new Error("not like nbd+unix:///export?socket=path");
  return { path: socket };
}
