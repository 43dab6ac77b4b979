/** A server that says it is NetBSD's, so that clients speak NetBSD's wire: `netbsd_server.ts unix://sock [drive …]`. Ends when halted. */
import { builtins } from "../../plugins/mod.ts";
import spUnix from "../../plugins/sp_unix/mod.ts";
import { lendDrives } from "../../src/cmd/server/drives.ts";
import { parseDriveSpec } from "../../src/cmd/server/drivespec.ts";
import { host } from "../../src/host/mod.ts";
import { bootKernel } from "../../src/kern/kernel.ts";
import { parseLocator } from "../../src/proxy/locator.ts";
import { SpServer } from "../../src/proxy/server.ts";
import { hypercalls } from "../../src/rump.ts";

const { loop } = host;
const machine = hypercalls(host, (ms, fn) => loop.timer(ms, fn), host.loopSockets);
const components = ["rumpvfs", "rumpfs_tmpfs", "rumpfs_msdos", "rumpnet_netinet6", "rumpnet_shmif"];
const kernel = await bootKernel(machine, { builtins, components });
for (const spec of host.argv.slice(2)) await lendDrives(host, kernel, [parseDriveSpec(spec)]);
const server = new SpServer(kernel, { version: "NetBSD-7.99.34" });
kernel.atHalt(() => server.close());
kernel.onHalt = () => loop.stop();
await server.listen(parseLocator(host.argv[1]!, "server", () => spUnix));
await loop.run();
host.exit(0);
