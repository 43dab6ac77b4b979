/** rump.rmdir: remove empty directories (rmdir(1)). */
import { fileProgram, type Tool } from "../tool.ts";

function remove(t: Tool, path: string): void {
  t.sys.rmdir({ path });
  if (!t.has("p")) return;
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    t.sys.rmdir({ path: path.slice(0, at) });
  }
}
export const { run, over } = fileProgram({
  usage: "[-p] directory ...",
  about: "Remove empty directories.",
  letters: "p",
  help: { p: "and those above, as they become empty" },
}, (t) => {
  if (t.rest.length === 0) t.usage();
  for (const path of t.rest) t.attempt(path, () => remove(t, path));
});
