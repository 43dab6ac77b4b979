/** rump.ln: make links (ln(1)). */
import { lookAt } from "../copy.ts";
import { basename, isDir, join } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

function link(t: Tool, from: string, to: string): void {
  t.attempt(to, () => {
    if (t.has("f") && lookAt(t.tree(to)[0], to, false)) t.sys.unlink({ path: to });
    if (t.has("s")) t.sys.symlink({ path: from, link: to });
    else t.sys.link({ path: from, link: to });
    if (t.has("v")) t.out(`${to} ${t.has("s") ? "->" : "=>"} ${from}\n`);
  });
}
export const { run, over } = fileProgram({
  usage: ["[-fhnsv] source [target]", "[-fhnsv] source ... directory"],
  about: "Make links to files.",
  letters: "fhinsv",
  help: {
    f: "remove what is at the target",
    h: "a target that is a link to a directory is replaced, not entered",
    i: "nothing: there is no asking",
    n: "the same as -h",
    s: "symbolic links",
    v: "say what is linked",
  },
}, (t) => {
  if (t.rest.length === 0) t.usage();
  const sources = t.rest.length === 1 ? t.rest : t.rest.slice(0, -1);
  const target = t.rest.length === 1 ? "." : t.rest.at(-1)!;
  const there = lookAt(t.tree(target)[0], target, !t.has("h", "n"));
  const into = there !== undefined && isDir(there);
  if (sources.length > 1 && !into) return t.complain(`${target}: Not a directory`);
  for (const source of sources) link(t, source, into ? join(target, basename(source)) : target);
});
