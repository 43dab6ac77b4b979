/** The transport `tcp`: tcp://a.b.c.d:port/ and tcp://[v6]:port/; `localhost` is 127.0.0.1, `0` and `*` are any address of a server. */
import type { Transport } from "../../src/plugin.ts";

const fail = (text: string): never => {
  throw new Error(`rump_sp_tcp: ${text}`);
};
/** `host:port` and nothing behind but a slash. */
function split(rest: string): readonly [host: string, port: string] {
  const [, v6, v4, port, tail] = /^(?:\[([^\]]*)\]|([^:/]*))(?::([^/]*))?(.*)$/.exec(rest)!;
  if (port === undefined) fail("missing port specifier");
  if (tail !== "" && tail !== "/") fail("invalid locator");
  return [v6 ?? v4 ?? "", port!];
}
function parsePort(text: string): number {
  if (!/^\d{1,10}$/.test(text)) fail(`invalid port ${text}`);
  const port = Number(text);
  return port > 65535 ? fail(`port ${port} out of range`) : port;
}
const isAddress = (host: string) => /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(":");

const transport: Transport = {
  kind: "transport",
  name: "tcp",
  parse(rest, side) {
    const [host, port] = split(rest);
    const any = host === "0" || host === "*" || host === "0.0.0.0";
    if (any && side === "client") fail("client needs !INADDR_ANY");
    const address = any ? "0.0.0.0" : host === "localhost" ? "127.0.0.1" : host;
    if (!isAddress(address)) fail(`cannot parse ${host}`);
    return { host: address, port: parsePort(port) };
  },
};
export default transport;
