/** rump.mkdir: make directories (mkdir(1)). */
import { errno } from "../../abi/errno.ts";
import { parseMode } from "./mode.ts";
import { isDir, rumpStat } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

function make(t: Tool, path: string, mode: number): void {
  if (!t.has("p")) {
    t.sys.mkdir({ path, mode });
    if (t.has("m")) t.sys.chmod({ path, mode });
    return;
  }
  const parts = path.split("/");
  for (let i = 1; i <= parts.length; i++) {
    const part = parts.slice(0, i).join("/");
    if (part === "") continue;
    try {
      t.sys.mkdir({ path: part, mode: i === parts.length ? mode : 0o777 });
      if (i === parts.length && t.has("m")) t.sys.chmod({ path: part, mode });
    } catch (e) {
      if (e !== errno.EEXIST || !isDir(rumpStat(t.sys, part, true))) throw e;
    }
  }
}
export const { run, over } = fileProgram({
  usage: "[-p] [-m mode] directory ...",
  about: "Make directories.",
  letters: "pm:",
  help: { p: "with all above them; no complaint about those there are", m: "mode, octal or as chmod's" },
}, (t) => {
  if (t.rest.length === 0) t.usage();
  const text = t.value("m");
  const mode = text === undefined ? 0o777 : parseMode(text)?.(0o777, true);
  if (mode === undefined) return t.complain(`invalid file mode: ${text}`);
  for (const path of t.rest) t.attempt(path, () => make(t, path, mode));
});
