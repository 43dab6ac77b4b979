/** The transport `tcp`: tcp://a.b.c.d:port/, tcp://[v6]:port/, and of a client tcp://name:port/. */
import { parseHostPort } from "../../src/lib/address.ts";
import type { Transport } from "../../src/plugin.ts";

const transport: Transport = {
  kind: "transport",
  name: "tcp",
  parse: (rest, side) => parseHostPort(rest, side, "tcp"),
};
export default transport;
