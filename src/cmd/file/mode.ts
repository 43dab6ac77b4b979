/** File modes as text: octal, or chmod(1)'s `u+rwx,go-w`; and as ls(1) shows them. */
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from "../../abi/flags.ts";

/** From old mode to new. */
export type ModeChange = (old: number, isDir: boolean) => number;
const who: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };

/** A mode as chmod(1) is given it; undefined: not understood. */
export function parseMode(text: string): ModeChange | undefined {
  if (/^[0-7]{1,5}$/.test(text)) return () => parseInt(text, 8) & 0o7777;
  const clauses = text.split(",").map(clause);
  if (clauses.some((c) => c === undefined)) return undefined;
  return (old, isDir) => clauses.reduce((mode, c) => c!(mode, isDir), old);
}
function clause(text: string): ModeChange | undefined {
  const m = /^([ugoa]*)([-+=])([rwxXst]*|[ugo])$/.exec(text);
  if (!m) return undefined;
  const [, whom, op, perms] = m as unknown as [string, string, string, string];
  const mask = whom === "" ? 0o7777 & ~0o022 : [...whom].reduce((all, w) => all | who[w]!, 0);
  return (old, isDir) => {
    const bits = permBits(perms, old, isDir) & mask;
    if (op === "+") return old | bits;
    if (op === "-") return old & ~bits;
    return (old & ~(mask & 0o777)) | bits;
  };
}
function permBits(perms: string, old: number, isDir: boolean): number {
  if (/^[ugo]$/.test(perms)) return ((old >> { u: 6, g: 3, o: 0 }[perms]!) & 7) * 0o111;
  let bits = 0;
  for (const p of perms) {
    if (p === "r") bits |= 0o444;
    if (p === "w") bits |= 0o222;
    if (p === "x" || (p === "X" && (isDir || old & 0o111))) bits |= 0o111;
    if (p === "s") bits |= 0o6000;
    if (p === "t") bits |= 0o1000;
  }
  return bits;
}

const types: Readonly<Record<number, string>> = {
  [S_IFDIR]: "d",
  [S_IFLNK]: "l",
  [S_IFCHR]: "c",
  [S_IFBLK]: "b",
  [S_IFIFO]: "p",
  [S_IFSOCK]: "s",
};
/** `drwxr-xr-x`. */
export function modeText(mode: number): string {
  const three = (bits: number, special: boolean, letter: string) => {
    const x = special ? (bits & 1 ? letter : letter.toUpperCase()) : bits & 1 ? "x" : "-";
    return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${x}`;
  };
  return (types[mode & S_IFMT] ?? "-") + three((mode >> 6) & 7, (mode & 0o4000) !== 0, "s") +
    three((mode >> 3) & 7, (mode & 0o2000) !== 0, "s") + three(mode & 7, (mode & 0o1000) !== 0, "t");
}
