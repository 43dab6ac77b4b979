/** Makes dist/rump, one executable, and a link beside it for every applet's name. `deno`: by deno compile. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import process from "node:process";
import { applets } from "../src/cmd/mod.ts";
import { pluginTypes } from "./types.ts";

const OUT = "dist";

function run(command: string, args: string[]): void {
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}${error ?? ""}\nbuild: ${command} failed\n`);
  process.exit(1);
}
/**
 * Bytecode takes 5-10 ms off a start; chunks, of which a program loads those it needs, another 2. Without "no-compile-autoload"
 * an executable looks for bunfig.toml and .env in the directory it is started in: 0.2 ms, and a preload there would be run.
 */
const bun = () => [
  "build",
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  "--splitting",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  // Packages of plugins are found as their package.json says.
  "--compile-autoload-package-json",
  // A command's few calls never pay for compiling them: see `warm` in src/host/node.ts.
  "--compile-jit-policy=8",
  // What `rump plugin new` writes beside a plugin.
  `--define=RUMP_PLUGIN_TYPES=${JSON.stringify(pluginTypes())}`,
  "src/main.ts",
  "--outfile",
  `${OUT}/rump`,
];
const deno = ["compile", "-A", "--no-check", "--output", `${OUT}/rump`, "src/main.ts"];

mkdirSync(OUT, { recursive: true });
for (const name of readdirSync(OUT)) rmSync(`${OUT}/${name}`, { recursive: true });
if (process.argv[2] === "deno") run("deno", deno);
else run("bun", bun());
for (const name of Object.keys(applets)) symlinkSync("rump", `${OUT}/${name}`);
process.stderr.write(`built ${OUT}/rump and ${Object.keys(applets).length} links\n`);
