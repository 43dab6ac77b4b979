/** Text of internet addresses in locators: host:port and [v6]:port. */

export interface HostPort {
  readonly host: string;
  readonly port: number;
}
type Fail = (text: string) => never;

/** `host:port` and nothing behind but a slash. */
function split(rest: string, fail: Fail): readonly [host: string, port: string] {
  const [, v6, v4, port, tail] = /^(?:\[([^\]]*)\]|([^:/]*))(?::([^/]*))?(.*)$/s.exec(rest)!;
  if (port === undefined) fail("missing port specifier");
  if (tail !== "" && tail !== "/") fail("invalid locator");
  return [v6 ?? v4 ?? "", port!];
}
function parsePort(text: string, fail: Fail): number {
  if (!/^\d{1,10}$/.test(text)) fail(`invalid port ${text}`);
  const port = Number(text);
  return port > 65535 ? fail(`port ${port} out of range`) : port;
}
/** Whether a host is an address, and no name. */
export const isAddress = (host: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(":");
/** RFC 1123, and underscores. */
const isName = (host: string) =>
  host.length < 254 && host.split(".").every((label) => /^[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?$/i.test(label)) &&
  !/^[\d.]+$/.test(host);

/**
 * Where a server listens or is: names are a client's only, save `localhost`; `0` and `*` are any address of a server.
 * `scheme` goes into the errors, whose texts are NetBSD's.
 */
export function parseHostPort(rest: string, side: "server" | "client", scheme: string): HostPort {
  const fail: Fail = (text) => {
    throw new Error(`rump_sp_${scheme}: ${text}`);
  };
  const [host, port] = split(rest, fail);
  const any = host === "0" || host === "*" || host === "0.0.0.0" || host === "::";
  if (any && side === "client") fail("client needs !INADDR_ANY");
  const known = host === "localhost" ? "127.0.0.1" : any && host !== "::" ? "0.0.0.0" : host;
  if (!isAddress(known) && !(side === "client" && isName(host))) fail(`cannot parse ${host}`);
  return { host: known, port: parsePort(port, fail) };
}
