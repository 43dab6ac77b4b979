/** rump_msdos -u: unmount what a process of ours serves, and come back when it has written everything. */
import type { Host } from "../../host/host.ts";
import { splitLocator } from "../../wire/slices.ts";
import { Failure, isExpected } from "../cli.ts";
import { words } from "../files.ts";
import { octal } from "./mount_list.ts";
import { placeOf } from "../disk/parts.ts";

/** Longest wait for the serving process, milliseconds, and between looks. */
const PATIENCE = 60_000;
/** Who only read has nothing to write: another reader's lock looks the same. */
const READER_PATIENCE = 1000;
const LOOK = 5;

/** What is mounted at a directory: the last of those there. */
function sourceAt(
  host: Host,
  dir: string,
): { readonly source: string; readonly type: string; readonly readOnly: boolean } | undefined {
  const lines = new TextDecoder().decode(host.readFile("/proc/self/mounts")).split("\n").map((l) => l.split(" "));
  const line = lines.findLast((f) => octal(f[1] ?? "") === dir);
  return line && { source: octal(line[0]!), type: line[2]!, readOnly: line[3]!.split(",").includes("ro") };
}
/** The absolute path of a mount point, also of one that no longer answers. */
function absolute(host: Host, dir: string): string {
  try {
    return host.realpath(dir);
  } catch {
    return dir.startsWith("/") ? dir : `${host.cwd()}/${dir}`;
  }
}

/** Unmount; `lazy`: also while it is in use, without waiting. The exit status. */
export async function hostUnmount(host: Host, program: string, operand: string, lazy: boolean): Promise<number> {
  const dir = absolute(host, operand);
  const found = sourceAt(host, dir);
  if (!found?.type.startsWith("fuse")) throw new Failure(`${program}: ${operand}: no mount of ours`);
  if (!lazy && !found.readOnly) written(host, program, operand, dir);
  const command = host.uid === 0 ? ["umount", ...(lazy ? ["-l"] : [])] : ["fusermount3", "-u", ...(lazy ? ["-z"] : [])];
  const status = await host.runChild(command[0]!, [...command.slice(1), "--", dir], {});
  if (status !== 0) return 1; // it has said why
  if (!lazy) await released(host, program, found);
  return 0;
}
/** What cannot be written now would be lost: who asks to unmount is told while it can be mended. */
function written(host: Host, program: string, operand: string, dir: string): void {
  try {
    const root = host.open(dir, {});
    try {
      root.fdatasync();
    } finally {
      root.close();
    }
  } catch (e) {
    if (!isExpected(e)) throw e;
    throw new Failure(
      `${program}: ${operand}: ${
        words(e)
      }: not everything is written, it stays mounted (--unmount --lazy gives up what is not)`,
    );
  }
}
/** The process that served has written everything when it gives up its lock on the image. */
async function released(
  host: Host,
  program: string,
  { source, readOnly }: { readonly source: string; readonly readOnly: boolean },
): Promise<void> {
  const begin = host.now();
  for (let waited = 0; isLocked(host, source, waited > READER_PATIENCE); waited = host.now() - begin) {
    if (readOnly && waited > READER_PATIENCE) return;
    if (waited > PATIENCE) throw new Failure(`${program}: ${source}: is still being written`);
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}
/** Whether somebody has it, or has it for writing. */
function isLocked(host: Host, source: string, writing: boolean): boolean {
  try {
    const [path, locator] = splitLocator(source);
    const { offset, length } = locator ? placeOf(host, path, locator, false) : { offset: 0, length: 0 };
    const file = host.open(path, {});
    try {
      return file.holder(offset, length, writing) !== undefined;
    } finally {
      file.close();
    }
  } catch {
    return false; // no file, or not ours to read: nothing to wait for
  }
}
