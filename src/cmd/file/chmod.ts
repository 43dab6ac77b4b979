/** rump.chmod: change mode bits (chmod(1)). */
import { childrenIn, isDir, isLink, join, rumpStat } from "../files.ts";
import { type ModeChange, parseMode } from "./mode.ts";
import { fileProgram, type Tool } from "../tool.ts";

function change(t: Tool, path: string, to: ModeChange, top: boolean): void {
  const follow = top && !t.has("h");
  const info = rumpStat(t.sys, path, follow);
  const mode = to(info.mode & 0o7777, isDir(info));
  if (follow || !isLink(info)) t.sys.chmod({ path, mode });
  else if (t.has("h")) t.sys.lchmod({ path, mode });
  if (!t.has("R") || !isDir(info)) return;
  for (const name of childrenIn(t, path)) {
    const child = join(path, name);
    t.attempt(child, () => change(t, child, to, false));
  }
}
export const { run, over } = fileProgram({
  usage: "[-Rh] mode file ...",
  about: "Change mode bits: octal, or [ugoa][+-=][rwxXst].",
  letters: "Rh",
  help: { R: "directories and all below", h: "a link itself, not what it leads to" },
}, (t) => {
  const [text, ...paths] = t.rest;
  if (text === undefined || paths.length === 0) t.usage();
  const to = parseMode(text!);
  if (!to) return t.complain(`invalid file mode: ${text}`);
  for (const path of paths) t.attempt(path, () => change(t, path, to, true));
});
