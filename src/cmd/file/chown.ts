/** rump.chown: change owner and group (chown(8)). Numbers are taken as they are; names are the host's. */
import { childrenIn, isDir, join, rumpStat } from "../files.ts";
import { fileProgram, type Tool } from "../tool.ts";

const KEEP = 0xffff_ffff;
/** owner, owner:group, :group. A number nobody has is good: the rump kernel has users of its own (recorded NetBSD refuses it). */
function parse(t: Tool, text: string): readonly [uid: number, gid: number] | string {
  const at = text.search(/[:.]/);
  const [owner, group] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  const uid = owner === "" ? KEEP : number(owner, (n) => t.host.userId(n));
  const gid = group === "" ? KEEP : number(group, (n) => t.host.groupId(n));
  if (uid === undefined) return `${text}: invalid user name`;
  if (gid === undefined) return `${text}: invalid group name`;
  return [uid, gid];
}
const number = (
  text: string,
  find: (n: string) => number | undefined,
) => (/^\d{1,9}$/.test(text) ? Number(text) : find(text));

function change(t: Tool, path: string, uid: number, gid: number): void {
  if (t.has("h")) t.sys.lchown({ path, uid, gid });
  else t.sys.chown({ path, uid, gid });
  if (t.has("v")) t.out(`${path}\n`);
  if (!t.has("R") || !isDir(rumpStat(t.sys, path, false))) return;
  for (const name of childrenIn(t, path)) {
    const child = join(path, name);
    t.attempt(child, () => change(t, child, uid, gid));
  }
}
export const { run, over } = fileProgram({
  usage: "[-Rhv] owner[:group] file ...",
  about: "Change owner and group of files.",
  letters: "Rhv",
  help: { R: "directories and all below", h: "a link itself, not what it leads to", v: "say what is changed" },
}, (t) => {
  const [text, ...paths] = t.rest;
  if (text === undefined || paths.length === 0) t.usage();
  const ids = parse(t, text!);
  if (typeof ids === "string") return t.complain(ids);
  for (const path of paths) t.attempt(path, () => change(t, path, ids[0], ids[1]));
});
