/** rump plugin new: a plugin that works, with its test, to be changed into what is wanted. */
import type { Host } from "../../host/host.ts";
import type { Options } from "../../lib/getopt.ts";
import { Failure, type Grammar, reasonOf } from "../cli.ts";
import { skeletons } from "./plugin_skeletons.ts";

export const newGrammar: Grammar = {
  usage: "[--kind fs|disk|net|transport] name",
  about: "Make a directory with a plugin that works, and its test.",
  letters: "",
  help: { "kind=": "file system (fs), disk, network interface (net) or transport; default fs" },
  examples: ["hellofs", "wire --kind net"],
};
/** Of folder, package and driver at once. */
const NAME = /^[a-z][a-z0-9_]{0,30}$/;

export function create(host: Host, program: string, { options, rest }: Options): number {
  const name = rest[0]!;
  const kind = options.findLast(([o]) => o === "kind")?.[1] ?? "fs";
  if (!NAME.test(name)) throw new Failure(`${program}: ${name}: not a word of a-z, 0-9 and _`);
  if (!Object.hasOwn(skeletons, kind)) {
    throw new Failure(`${program}: --kind ${kind}: only ${Object.keys(skeletons).join(", ")}`);
  }
  try {
    host.mkdir(name, 0o755);
    for (const [file, text] of Object.entries(filesOf(name, kind))) host.writeFile(`${name}/${file}`, text);
  } catch (e) {
    throw new Failure(`${program}: ${name}: ${reasonOf(e)}`);
  }
  host.out(`${name}/mod.ts is the plugin; try: rump plugin check ${name}/mod.ts\n`);
  return 0;
}
function filesOf(name: string, kind: string): Readonly<Record<string, string>> {
  const { mod, check } = skeletons[kind]!;
  const files = { "mod.ts": mod(name), "mod.test.ts": test(name, check(name)), "package.json": manifest(name) };
  return typeof RUMP_PLUGIN_TYPES === "string" ? { ...files, ...typed(RUMP_PLUGIN_TYPES) } : files;
}
/** The types of `rump/plugin`: the executable has them in it; run from its source, the package's exports do. */
declare const RUMP_PLUGIN_TYPES: string | undefined;
/** So that editors, tsc and deno know the types, with nothing installed. */
function typed(types: string): Readonly<Record<string, string>> {
  const place = "./rump_plugin.d.ts";
  const compilerOptions = {
    target: "esnext",
    module: "nodenext",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    paths: { "rump/plugin": [place] },
  };
  return {
    "rump_plugin.d.ts": types,
    "tsconfig.json": json({ compilerOptions, files: ["mod.ts"] }),
    "deno.json": json({ imports: { "rump/plugin": place } }),
  };
}
const json = (x: unknown) => `${JSON.stringify(x, undefined, 2)}\n`;
const manifest = (name: string) =>
  json({
    name: `rump-${name}`,
    version: "0.1.0",
    type: "module",
    exports: "./mod.ts",
    files: ["mod.ts"],
    scripts: { test: "rump plugin check mod.ts" },
  });
/** For `bun test`, `deno test -A` and `node --test`. */
const test = (name: string, args: string) =>
  `import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const mod = fileURLToPath(new URL("mod.ts", import.meta.url));

test("${name} does what its kind must", () => {
  execFileSync("rump", ["plugin", "check", "-q", mod${args}], { stdio: "inherit" });
});
`;
