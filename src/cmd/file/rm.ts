/** rump.rm: remove files and directories (rm(1)). */
import { infos } from "../batched.ts";
import { childrenIn, type Info, isDir, isMissing, join, rumpStat } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

/** Depth of a tree that is removed. */
const MAX_DEPTH = 1000;

function remove(t: Tool, path: string, depth: number, look: () => Info): void {
  let dir: boolean;
  try {
    dir = isDir(look());
  } catch (e) {
    if (t.has("f") && isMissing(e)) return;
    throw e;
  }
  if (t.has("i") && !t.ask(`remove ${path}? `)) return;
  if (!dir) t.sys.unlink({ path });
  else if (t.has("r", "R")) removeTree(t, path, depth);
  else if (t.has("d")) t.sys.rmdir({ path });
  else return t.complain(`${path}: is a directory`);
  if (t.has("v")) t.out(`${path}\n`);
}
function removeTree(t: Tool, path: string, depth: number): void {
  if (depth > MAX_DEPTH) return t.complain(`${path}: too deep`);
  const children = childrenIn(t, path).map((name) => join(path, name));
  for (const [i, look] of infos(t, children, false).entries()) {
    t.attempt(children[i]!, () => remove(t, children[i]!, depth + 1, look));
  }
  t.sys.rmdir({ path });
}
export const { run, over } = fileProgram({
  usage: "[-dfiRrv] file ...",
  about: "Remove files; with -r directories and all below.",
  letters: "dfiPRrvW",
  help: {
    d: "remove empty directories, too",
    f: "do not complain about what is missing",
    i: "ask before each",
    P: "nothing: data is not overwritten",
    R: "the same as -r",
    r: "remove directories and all below",
    v: "say what is removed",
    W: "nothing: no whiteouts here",
  },
}, (t) => {
  if (t.rest.length === 0 && !t.has("f")) t.usage();
  for (const path of t.rest) {
    if (/^(.*\/)?\.{1,2}\/*$/.test(path)) t.complain(`"." and ".." may not be removed`);
    else t.attempt(path, () => remove(t, path, 0, () => rumpStat(t.sys, path, false)));
  }
});
