/** `tap_names.ts NAME...`: what becomes of asking the host for TAP devices of these names, one word each. */
import process from "node:process";
import { host } from "../../src/host/mod.ts";

for (const name of process.argv.slice(2)) {
  try {
    host.loopTap(name).close();
    host.out("opened ");
  } catch (e) {
    host.out(`${(e as { code: string }).code} `);
  }
}
process.exit(0);
