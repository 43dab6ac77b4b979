/** rump.mknod: make device nodes (mknod(8)). */
import { makedev, S_IFBLK, S_IFCHR, S_IFIFO } from "../../abi/flags.ts";
import { parseMode } from "./mode.ts";
import { fileProgram } from "../tool.ts";

const types: Readonly<Record<string, number>> = { b: S_IFBLK, c: S_IFCHR, p: S_IFIFO };
export const { run, over } = fileProgram({
  usage: ["[-m mode] name [b | c] major minor", "[-m mode] name p"],
  about: "Make a device node or a fifo.",
  letters: "m:",
  help: { m: "mode; default 0666 without the umask's bits" },
}, (t) => {
  const [path, type, major, minor] = t.rest;
  const kind = types[type ?? ""];
  const mode = parseMode(t.value("m") ?? "666")?.(0, false);
  const numbers = [major, minor].map(Number);
  if (path === undefined || kind === undefined || mode === undefined) t.usage();
  if (t.rest.length !== (kind === S_IFIFO ? 2 : 4)) t.usage();
  if (kind !== S_IFIFO && numbers.some((n) => !(Number.isInteger(n) && n >= 0 && n < 4096))) t.usage();
  const dev = kind === S_IFIFO ? 0 : makedev(numbers[0]!, numbers[1]!);
  t.attempt(path!, () => void t.sys.mknod({ path: path!, mode: kind! | mode!, dev }));
});
