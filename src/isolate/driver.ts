/** File systems whose drivers run in processes of their own (`--isolate`): loaded there, mounted there, killed there. */
import { errno } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import type { BlockDevice, Capability, FsDriver, Schema, Sys, Volume } from "../plugin.ts";
import { factsOf } from "./blocks.ts";
import type { Description, Mounted } from "./operations.ts";
import { DriverProcess, type Limits } from "./process.ts";
import { type IsolatedVolume, isolatedVolume } from "./volume.ts";

export type { Limits };

/** A driver that runs elsewhere, as a module has it. */
export type IsolatedModule = {
  readonly default: FsDriver;
  /** What its processes may take, and whether they are put into the sandbox, from now on. */
  readonly limit: (limits: Limits) => void;
};
/** Load a plugin's file into a process of its own: what `Host.import` would give, without running any of it here. */
export async function isolatedImport(host: Host, file: string, limits: Limits): Promise<IsolatedModule> {
  const where: Where = { file, path: host.realpath(file), limits, spare: undefined };
  const said: string[] = [];
  const child = new DriverProcess(host, { file: where.path, limits, log: (line) => void said.push(line) });
  try {
    const { value } = await child.ask({ do: "describe" });
    const driver = driverOf(host, where, value as Description);
    // It has loaded the file already: the first mount is its.
    where.spare = child;
    return { default: driver, limit: (l) => void (where.limits = l) };
  } catch (e) {
    child.kill();
    throw new Error(said[0] ? firstLine(said[0].replaceAll(where.path, file)) : `${file}: ${(e as Error).message}`);
  }
}
/** A built-in file system whose driver runs in a process of its own, which is started now: later may be in a sandbox. */
export function isolatedBuiltin(host: Host, component: string, driver: FsDriver, limits: Limits): FsDriver {
  const where: Where = { file: component, path: component, limits, spare: undefined };
  where.spare = new DriverProcess(host, { file: component, limits, log: () => {} });
  const { name, about, wantsDevice, readOnly, lacks } = driver;
  return {
    kind: "fs",
    name,
    ...about !== undefined && { about },
    wantsDevice: wantsDevice === true,
    readOnly: readOnly === true,
    lacks: lacks ?? [],
    options: schemaOf(undefined),
    mount: (sys, device, request) => mount(host, where, name, sys, device, request),
  };
}
const firstLine = (text: string) => text.replace(/: bug: Error: .*?: /, ": ").split("\n")[0]!;

interface Where {
  readonly file: string;
  readonly path: string;
  limits: Limits;
  /** A process that has nothing to do yet. */
  spare: DriverProcess | undefined;
}
function driverOf(host: Host, where: Where, d: Description): FsDriver {
  if (typeof d !== "object" || d === null || !/^[\w.+-]{1,31}$/.test(String(d.name))) throw errno.EINVAL;
  return {
    kind: "fs",
    name: d.name,
    ...(typeof d.about === "string" ? { about: d.about } : {}),
    wantsDevice: d.wantsDevice === true,
    readOnly: d.readOnly === true,
    lacks: (Array.isArray(d.lacks) ? d.lacks : []) as readonly Capability[],
    options: schemaOf(d.options),
    mount: (sys, device, request) => mount(host, where, d.name, sys, device, request),
  };
}
/** What the options are is known here; whether values will do is said there, when it is mounted. */
const schemaOf = (properties: Description["options"]): Schema<unknown> => ({
  "~standard": {
    version: 1,
    vendor: "rump",
    validate: (value) => ({ value }),
    ...(properties ? { jsonSchema: { input: () => ({ type: "object", properties }) } } : {}),
  },
});
async function mount(
  host: Host,
  where: Where,
  name: string,
  sys: Sys,
  device: BlockDevice | undefined,
  request: unknown,
): Promise<Volume> {
  let volume: IsolatedVolume | undefined;
  const { file, path, limits } = where;
  const told = {
    limits,
    log: (line: string) =>
      sys.log(line.startsWith(`${name}: `) ? line : line.replace(`${path}: `, `${name}: ${file}: `)),
    changed: (id: number | undefined, at: string | undefined) => volume && sys.changed(volume, volume.changed(id), at),
  };
  const child = where.spare?.alive ? where.spare : new DriverProcess(host, { file: path, ...told });
  where.spare = undefined;
  child.tell(told);
  child.disk = device;
  try {
    const { value } = await child.ask({ do: "mount", request, boxed: limits.sandbox, disk: device && factsOf(device) });
    return volume = isolatedVolume(child, value as Mounted, () => host.now());
  } catch (e) {
    child.kill();
    throw e;
  }
}
