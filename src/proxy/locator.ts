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

/** Whether only this machine can reach an address. */
export function isLocal(address: SocketAddress): boolean {
  return "path" in address || /^127\./.test(address.host) || address.host === "::1";
}
