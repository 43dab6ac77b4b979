/** The executable: argv[0], or the first argument, names the applet; see cmd/mod.ts. */
import { run } from "./cmd/rump.ts";
import { host } from "./host/mod.ts";

host.exit(await run(host, host.argv));
