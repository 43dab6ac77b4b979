/** What Linux' programs read and write below /proc/sys/net, from the rump kernel's variables. */
import { errno } from "../../abi/errno.ts";
import type { Entry } from "../../abi/sysctl_names.ts";
import { type Dir, type File, keeper, type Made } from "./files.ts";
import { type Figure, readFigure, writeFigure } from "./linux_figures.ts";
import { linuxInterfaces, linuxVariables, type PerInterface, type Row } from "./linux_variables.ts";
import type { Questions } from "./questions.ts";
import { readVariable, writeVariable } from "./variables.ts";

/** What a name leads to, the same at every call; undefined: the kernel has nothing of it now. */
type Find = () => Promise<Made | undefined>;
type Names = Map<string, Find>;

async function entriesOf(ask: Questions, { of }: Row): Promise<readonly Entry[] | undefined> {
  const entries: Entry[] = [];
  for (const name of of) {
    const entry = await ask.find(name);
    if (!entry) return undefined;
    entries.push(entry);
  }
  return entries;
}
function file(ask: Questions, row: Row, entries: readonly Entry[], writable: boolean): File {
  const values = () => Promise.all(entries.map((entry) => readVariable(ask, entry)));
  const read = async () => `${row.read(await values())}\n`;
  const write = async (text: string) => {
    const texts = row.write(text, await values());
    if (!texts) throw errno.EINVAL;
    for (const [i, value] of texts.entries()) if (value !== undefined) await writeVariable(ask, entries[i]!, value);
  };
  return writable ? { read, write } : { read };
}
/** `fixed`: it is not to be set here. */
function rowFind(ask: Questions, row: Row, fixed: boolean): Find {
  const keep = keeper<File>();
  return async () => {
    const entries = await entriesOf(ask, row);
    if (!entries) return undefined;
    const key = entries.map(({ mib, type }) => `${mib.join(".")}:${type}`).join(" ");
    return keep(key, () => file(ask, row, entries, !fixed && entries[0]!.writable));
  };
}
/** Names that come and go beside the fixed ones. */
interface More {
  readonly names: () => Promise<string[]>;
  readonly find: (name: string) => Promise<Made | undefined>;
}
function directory(names: Names, more?: More): Dir {
  return {
    names: async () => [...names.keys(), ...(await more?.names() ?? [])],
    find: (name) => names.has(name) ? names.get(name)!() : more?.find(name),
  };
}
/** A directory is there as soon as anything fixed in it is. */
function dirFind(names: Names, more?: More): Find {
  const node = directory(names, more);
  return async () => {
    for (const find of names.values()) if (await find()) return node;
    return undefined;
  };
}

/** A file about an interface. */
function figureFind(ask: Questions, on: string, figure: Figure): Find {
  const node: File = {
    read: async () => `${await readFigure(ask, on, figure)}\n`,
    write: (text) => writeFigure(ask, on, figure, text),
  };
  return () => Promise.resolve(node);
}
/** What holds for all is set in the heads. */
function interfacesFind(ask: Questions, { heads, rows, figures }: PerInterface): Find {
  const all = (fixed: boolean): Names =>
    new Map(Object.entries(rows).map(([name, row]) => [name, rowFind(ask, row, fixed)]));
  const keep = keeper<Dir>();
  const one = (on: string): Dir => {
    const own = Object.entries(figures).map(([name, figure]) => [name, figureFind(ask, on, figure)] as const);
    return directory(new Map([...all(true), ...own]));
  };
  return dirFind(new Map(heads.map((head) => [head, dirFind(all(false))])), {
    names: async () => (await ask.interfaces()).map((i) => i.name),
    find: async (name) =>
      (await ask.interfaces()).some((i) => i.name === name) ? keep(name, () => one(name)) : undefined,
  });
}

/** A tree of names from paths. */
interface Tree extends Map<string, Tree | Find> {}
function plant(tree: Tree, [name, ...rest]: readonly string[], find: Find): void {
  if (rest.length === 0) return void tree.set(name!, find);
  const below = tree.get(name!);
  const branch: Tree = below instanceof Map ? below : new Map();
  tree.set(name!, branch);
  plant(branch, rest, find);
}
const grown = (tree: Tree): Names =>
  new Map([...tree].map(([name, node]) => [name, node instanceof Map ? dirFind(grown(node)) : node]));

/** What stands in the place of /proc/sys/net. */
export function linuxFiles(ask: Questions): Dir {
  const tree: Tree = new Map();
  for (const [path, row] of Object.entries(linuxVariables)) plant(tree, path.split("/"), rowFind(ask, row, false));
  for (const [path, of] of Object.entries(linuxInterfaces)) plant(tree, path.split("/"), interfacesFind(ask, of));
  return directory(grown(tree));
}
