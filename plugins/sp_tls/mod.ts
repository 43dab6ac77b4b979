/** The transport `tls`: tls://host:port/, TLS 1.3 by the host's library. */
import { parseHostPort } from "../../src/lib/address.ts";
import type { SocketAddress, Transport } from "../../src/plugin.ts";

type Inet = Exclude<SocketAddress, { readonly path: string }>;

const transport: Transport = {
  kind: "transport",
  name: "tls",
  parse: (rest, side) => parseHostPort(rest, side, "tls"),
  listen({ sockets, log }, address, accept, security) {
    const turnedAway = (peer: string, why: string) => log(`rump_sp_tls: ${peer}: ${why}`);
    return sockets.tls.listen(address as Inet, security, { accept, turnedAway });
  },
  connect: ({ sockets }, address, security) => sockets.tls.connect(address as Inet, security),
  connectBlocking: ({ sockets }, address, security) => sockets.tls.connectBlocking(address as Inet, security),
};
export default transport;
