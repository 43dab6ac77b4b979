/** URLs: where a server is, and what it is asked for. */
import { Refused } from "./refused.ts";

export interface Place {
  readonly secure: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Path and query, as they are sent. */
  readonly target: string;
  /** Of `Authorization`. */
  readonly authorization?: string;
}
/** Make sense of a URL, or of one relative to another. Throws Refused. */
export function placeOf(text: string, base?: Place): Place {
  let url: URL;
  try {
    url = new URL(text, base && urlOf(base));
  } catch {
    throw new Refused("not like https://host/path");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new Refused(`${url.protocol} is no web server's`);
  const secure = url.protocol === "https:";
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || (secure ? 443 : 80)),
    target: url.pathname + url.search,
    ...url.username !== "" && { authorization: basic(decoded(url.username), decoded(url.password)) },
  };
}
const bracketed = (host: string) => (host.includes(":") ? `[${host}]` : host);
const urlOf = (p: Place) => `${p.secure ? "https" : "http"}://${bracketed(p.host)}:${p.port}${p.target}`;
/** As `Host` has it. */
export const authority = (p: Place): string =>
  p.port === (p.secure ? 443 : 80) ? bracketed(p.host) : `${bracketed(p.host)}:${p.port}`;
/** Whether both are one server, which may be told the same secrets. */
export const sameServer = (a: Place, b: Place): boolean =>
  a.secure === b.secure && a.host === b.host && a.port === b.port;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
/** RFC 7617, in UTF-8. */
function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
