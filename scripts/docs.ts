/** Reference pages from the tables: system calls, errors, sysctl variables, applets, components. To a folder, or standard output. */
import { differences, variables } from "../tests/cases/golden_differences.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { errno } from "../src/abi/errno.ts";
import { absent } from "../src/abi/absent.ts";
import { declared } from "../src/abi/syscalls.ts";
import { applets } from "../src/cmd/mod.ts";
import { builtins } from "../plugins/mod.ts";
import { fakeKernel } from "../tests/kern/fake.ts";

type Row = readonly (string | number)[];
const table = (title: string, head: Row, rows: readonly Row[]) =>
  `# ${title}\n\n${[head, head.map(() => "---"), ...rows].map((r) => `| ${r.join(" | ")} |`).join("\n")}\n`;

function prototype(name: string, cname: string | undefined): string {
  const d = declared[name]!;
  const args = Object.entries(d.args).map(([k, a]) => `${a.ctype}${a.ctype.endsWith("*") ? "" : " "}${k}`).join(", ");
  return `\`${d.ret} ${cname ?? name}(${args || "void"})\``;
}
const { kernel } = await fakeKernel({ builtins, components: Object.keys(builtins) });

const pages: Readonly<Record<string, string>> = {
  syscalls: table(
    "System calls",
    ["number", "call", "what", "errors of its own"],
    Object.entries(declared).toSorted(([, a], [, b]) => a.nr - b.nr).map((
      [n, d],
    ) => [d.nr, prototype(n, d.cname), d.doc + (d.note ? ` (${d.note})` : ""), d.errors.join(" ")]),
  ),
  absent: table("System calls of NetBSD's that answer ENOSYS", ["number", "call", "why"], absent),
  errno: table("Errors", ["number", "name", "text"], Object.values(errno).map((e) => [e.errno, e.code, e.message])),
  sysctl: table(
    "sysctl variables",
    ["name", "type", "", "what"],
    [...kernel.tree].map(([path, n]) => [path, n.type, n.write ? "rw" : "ro", n.doc]),
  ),
  differences: table("Differences from the recordings of NetBSD's programs", ["what", "recorded", "why ours differs"], [
    ...differences,
    ...variables.map(([prefix, why]) => [`rump.sysctl ${prefix}`, "a variable", why] as const),
  ]),
  applets: table("Applets", ["name", "what"], Object.entries(applets).map(([n, a]) => [n, a.summary])),
  components: table(
    "Components",
    ["name", "needs"],
    Object.entries(builtins).map(([n, b]) => [n, (b.requires ?? []).join(" ")]),
  ),
};
const folder = process.argv[2];
if (folder === undefined) process.stdout.write(Object.values(pages).join("\n"));
else {
  mkdirSync(folder, { recursive: true });
  for (const [name, page] of Object.entries(pages)) writeFileSync(`${folder}/${name}.md`, page);
}
