/** Locators: where a server is (rump_sp(7)). Messages are those of NetBSD's librumpclient where it has one. */
import type { SocketAddress, Transport } from "../plugin.ts";

/** Find a transport by scheme. */
export type FindTransport = (scheme: string) => Transport | undefined;
export interface Located {
  readonly transport: Transport;
  readonly address: SocketAddress;
}

/** Parse `scheme://rest`; throws an Error whose message is the line to print. */
export function parseLocator(text: string, side: "server" | "client", find: FindTransport): Located {
  const at = text.indexOf("://");
  if (at < 0) throw new Error(`rump_sp: invalid locator \`\`${text}''`);
  const scheme = text.slice(0, at);
  const transport = find(scheme === "tcp6" ? "tcp" : scheme);
  if (!transport) throw new Error(`rump_sp: invalid identifier \`\`${text}''`);
  return { transport, address: transport.parse(text.slice(at + 3), side) };
}

/** The locator for clients of a server that asked for any free port (0) and got one; else `text`, what it was given. */
export function reachable(text: string, { transport, address }: Located, port: number | undefined): string {
  if ("path" in address || address.port !== 0 || port === undefined) return text;
  const host = address.host === "0.0.0.0" ? "127.0.0.1" : address.host === "::" ? "::1" : address.host;
  return `${transport.name}://${host.includes(":") ? `[${host}]` : host}:${port}/`;
}

/** Whether only this machine can reach an address. */
export function isLocal(address: SocketAddress): boolean {
  return "path" in address || /^127\./.test(address.host) || address.host === "::1";
}
