/** The built-in file systems' drivers, and the words of their command lines: the schema's, save where a program has more. */
import { builtins } from "../../../plugins/mod.ts";
import type { FsDriver } from "../../plugin.ts";
import { Failure } from "../cli.ts";
import { type DriverWords, wordsOf } from "./driver_words.ts";
import { componentOf } from "./fs_names.ts";
import { msdosWords } from "./msdos_options.ts";

/** Load a built-in driver. Throws Failure where the component is none of a file system. */
export async function builtinDriver(type: string): Promise<FsDriver> {
  const plugin = (await builtins[componentOf(type)]!.load()).default;
  if (plugin.kind !== "fs") throw new Failure(`${componentOf(type)}: no file system`);
  return plugin;
}
const own: Readonly<Record<string, DriverWords>> = { msdos: msdosWords };
/** What a driver is told on a command line, and how. */
export const fsWords = (driver: FsDriver): DriverWords => own[driver.name] ?? wordsOf(driver);
