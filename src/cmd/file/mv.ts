/** rump.mv: move files (mv(1)); across mounts they are copied and removed. */
import { errno } from "../../abi/errno.ts";
import { copy, lookAt } from "../copy.ts";
import { basename, isDir, join, rumpStat, words } from "../files.ts";
import { over as rm } from "./rm.ts";
import { fileProgram, type Tool } from "../tool.ts";

function move(t: Tool, from: string, to: string): void {
  const [tree] = t.tree(to);
  const there = lookAt(tree, to, false);
  if (there && t.last("f", "i") === "i" && !t.ask(`overwrite ${to}? `)) return;
  try {
    t.sys.rename({ from, to });
  } catch (e) {
    if (e === errno.EXDEV) return across(t, from, to);
    return t.complain(`rename ${from} to ${to}: ${words(e)}`);
  }
  if (t.has("v")) t.out(`${from} -> ${to}\n`);
}
function across(t: Tool, from: string, to: string): void {
  const before = t.status;
  t.status = 0;
  const how = {
    recursive: true,
    keep: true,
    followTop: false,
    followAll: false,
    force: true,
    verbose: t.has("v"),
    mayOverwrite: () => true,
  };
  copy(t, t.tree(from), t.tree(to), how);
  // Removed only when all of it arrived.
  if (t.status === 0) t.status = rm(t.host, [t.name, "-rf", "--", from], t.sys);
  t.status ||= before;
}
export const { run, over } = fileProgram({
  usage: ["[-fiv] source target", "[-fiv] source ... directory"],
  about: "Move or rename files of the rump kernel.",
  letters: "fiv",
  help: { f: "do not ask", i: "ask before overwriting", v: "say what is moved" },
}, (t) => {
  const target = t.rest.at(-1);
  if (t.rest.length < 2 || target === undefined) t.usage();
  const there = lookAt(t.tree(target!)[0], target!, true);
  const into = there !== undefined && isDir(there);
  if (t.rest.length > 2 && !into) return t.complain(`${target} is not a directory`);
  for (const source of t.rest.slice(0, -1)) {
    // A directory renamed onto an empty one of the same name goes into it, as mv(1) has it.
    const to = into && !sameFile(t, source, target!) ? join(target!, basename(source)) : target!;
    t.attempt(source, () => move(t, source, to));
  }
});
function sameFile(t: Tool, a: string, b: string): boolean {
  try {
    const [x, y] = [rumpStat(t.sys, a, false), rumpStat(t.sys, b, false)];
    return x.ino === y.ino && x.dev === y.dev;
  } catch {
    return false;
  }
}
