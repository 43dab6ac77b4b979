/**
 * The published types, `rump/plugin`: src/plugin.ts and all it is made of as one file of declarations, dist/plugin.d.ts, with
 * nothing in it that is no type. `npm pack` has it, and the executable: `rump plugin new` writes it beside a new plugin.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";

const OUT = "dist/plugin.d.ts";

/** Declarations of src/plugin.ts and what it imports, file by file, by tsc. */
function declare(to: string): void {
  const how =
    "--declaration --emitDeclarationOnly --target esnext --module nodenext --allowImportingTsExtensions --strict";
  const args = `${how} --skipLibCheck --types bun-types --rootDir src src/plugin.ts`;
  const tsc = existsSync("node_modules/.bin/tsc") ? "node_modules/.bin/tsc" : "tsc";
  const { status, stdout, error } = spawnSync(tsc, ["--ignoreConfig", "--outDir", to, ...args.split(" ")], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`tsc: ${stdout ?? error}`);
}
/** Top-level statements, each with the comment before it. */
function statements(text: string): string[] {
  const all: string[] = [];
  let open = false;
  for (const line of text.split("\n")) {
    const starts = /^[^\s}]/.test(line);
    if (starts && !open) all.push(line);
    else if (all.length > 0) all[all.length - 1] += `\n${line}`;
    if (starts) open = line.startsWith("/**") || line.startsWith("//");
    else if (open && line.endsWith("*/")) open = true;
  }
  return all.map((s) => s.trimEnd());
}
const body = (statement: string) => statement.replace(/^(\/\*\*.*?\*\/\s*|\/\/.*\n)*/s, "");

/** The file at `path` and those it imports, each once, the imported first. */
function collect(path: string, seen: Set<string>): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const text = readFileSync(path, "utf8");
  const names = [...text.matchAll(/from "(\.[^"]+)\.ts"/g)].map((m) => join(dirname(path), `${m[1]}.d.ts`));
  return [...names.flatMap((name) => collect(name, seen)), ...statements(text)];
}
/** Only types: values come as parameters. */
function keep(statement: string): boolean {
  const s = body(statement);
  return s !== "" && !/^(import |export (type )?\{|export declare function )/.test(s);
}

/** One file of declarations. */
export function pluginTypes(): string {
  const dir = mkdtempSync(join(tmpdir(), "rump-types-"));
  try {
    declare(dir);
    const kept = collect(join(dir, "plugin.d.ts"), new Set()).filter(keep);
    const types = kept.map((s) => s.replace(/^export declare (class|const)/m, "declare $1"));
    return `/** Everything a plugin of rump may see. */\n\n${types.join("\n\n")}\nexport {};\n`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
if (import.meta.main) {
  mkdirSync(dirname(OUT), { recursive: true });
  writeFileSync(OUT, pluginTypes());
  process.stderr.write(`wrote ${OUT}\n`);
}
