/** The transport `unix`: unix://path, relative or absolute (three slashes), and unix://@name for the abstract namespace. */
import type { Transport } from "../../src/plugin.ts";

const transport: Transport = {
  kind: "transport",
  name: "unix",
  parse(rest) {
    if (rest === "" || rest === "@") throw new Error("rump_sp_unix: missing path");
    return { path: rest.startsWith("@") ? `\0${rest.slice(1)}` : rest };
  },
};
export default transport;
