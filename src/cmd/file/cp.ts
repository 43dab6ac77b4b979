/** rump.cp: copy files (cp(1)), also between the host (`host:path`) and the rump kernel. */
import { copy, type CopyHow, lookAt } from "../copy.ts";
import { basename, isDir, join } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

function how(t: Tool): CopyHow {
  const recursive = t.has("R", "r", "a");
  const links = t.last("H", "L", "P");
  return {
    recursive,
    keep: t.has("p", "a"),
    followTop: links === "H" || links === "L" || (!recursive && links !== "P"),
    followAll: links === "L" || (!recursive && links !== "P"),
    force: t.has("f"),
    verbose: t.has("v"),
    mayOverwrite: (shown) =>
      t.last("f", "i", "n") !== "n" && (t.last("f", "i", "n") !== "i" || t.ask(`overwrite ${shown}? `)),
  };
}
export const { run, over } = fileProgram({
  usage: [
    "[-R [-H | -L | -P]] [-f | -i | -n] [-apv] source target",
    "[-R [-H | -L | -P]] [-f | -i | -n] [-apv] source ... directory",
  ],
  about: "Copy files of the rump kernel. host:path is a file of the host, on either side.",
  letters: "HLPRafinprv",
  help: {
    R: "directories and all below",
    r: "the same",
    a: "as -RpP",
    f: "remove a target that cannot be written",
    i: "ask before overwriting",
    n: "do not overwrite",
    p: "keep mode and times",
    v: "say what is copied",
    H: "with -R: follow links named on the command line",
    L: "with -R: follow all links",
    P: "with -R: follow none (the default)",
  },
  examples: ["host:disk.txt /mnt/", "-R /mnt/dir host:."],
}, (t) => {
  const target = t.rest.at(-1);
  if (t.rest.length < 2 || target === undefined) t.usage();
  const [tree, at] = t.tree(target!);
  t.attempt(target!, () => {
    const there = lookAt(tree, at, true);
    const into = there !== undefined && isDir(there);
    if ((t.rest.length > 2 || at.endsWith("/")) && !into) {
      return t.complain(`${target}: ${there ? "Not a directory" : "No such file or directory"}`);
    }
    for (const source of t.rest.slice(0, -1)) {
      const from = t.tree(source);
      t.attempt(source, () => copy(t, from, [tree, into ? join(at, basename(from[1])) : at], how(t)));
    }
  });
}, (t) => t.rest.at(-1)?.startsWith("host:") ?? true);
