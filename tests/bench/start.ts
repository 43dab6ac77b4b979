/** How long programs take from start to end, beside an empty one. */
import { writeFileSync } from "node:fs";
import { best, line, root, sh, work } from "./bench.ts";

export function start(): void {
  writeFileSync(`${work}/hello.ts`, "console.log(1)");
  sh(`${root}/node_modules/.bin/bun build --compile --minify --bytecode --format=esm hello.ts --outfile hello`);
  const hello = best(10, () => sh("./hello")) * 1000;
  sh("rump_server -l rumpvfs unix://sock");
  line("rump.sysctl, start to end", best(10, () => sh("rump.sysctl kern.hostname")) * 1000, "ms", "bun hello", hello);
  sh("echo hello >hello.txt; rump.cp host:hello.txt /");
  line("rump.cat of a small file", best(10, () => sh("rump.cat /hello.txt")) * 1000, "ms", "bun hello", hello);
  sh("rump.halt");
  const boot = (name: string) =>
    best(5, () => {
      const t = sh(`${name} unix://sock`);
      sh("rump.halt; while [ -e sock ]; do :; done");
      return t;
    }) * 1000;
  line("rump_server to prompt", boot("rump_server"), "ms", "bun hello x2", hello * 2);
  line("rump_allserver to prompt", boot("rump_allserver"), "ms", "bun hello x2", hello * 2);
}
