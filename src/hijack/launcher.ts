/**
 * Starting a program that is hijacked: a process of ours apart is to serve it; this one makes the mounts that only the
 * program sees, and then becomes the program (execve(2)), so that its number, status, signals, terminal, environment and
 * limits are its own and nobody stands between it and who started it.
 */
import type { Host, Launch } from "../host/host.ts";
import { AttachError } from "../proxy/attach_error.ts";
import type { Machine } from "../lib/seccomp.ts";
import { type HijackConfig, linuxFamilies } from "./config.ts";
import { SCOPE, yamaObstacle } from "./yama.ts";
import { type HandOver, hijackFilter } from "./filter.ts";
import { mountsOf } from "./mounts.ts";
import { places, STAGE, type ViewName } from "./proc/places.ts";
import { type Answer, APART, type Order, parsed } from "./order.ts";

/** Runs its arguments with all rights over what is ours alone (unshare(1)). */
const USER = ["unshare", "--user", "--map-current-user", "--keep-caps", "--"];
/** Tells us, started again in a user name space of our own, that we are. */
const INSIDE = "RUMPHIJACK_INSIDE";
const FUSE = "/dev/fuse";
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

export interface Program {
  /** Our own name and arguments; the last of them may be the program's. */
  readonly argv: readonly string[];
  /** What is to run; the last `given` words are those of our own command line, whose bytes are passed on. */
  readonly words: readonly string[];
  readonly given: number;
  /** Whether files were asked for, rather than being what is usual. */
  readonly wantsFiles: boolean;
}

/** Become the program. Returns the status when it cannot be run; throws AttachError or HostError when it cannot be hijacked. */
export async function launch(host: Host, config: HijackConfig, program: Program): Promise<number> {
  const l = await host.launch();
  const inherited = l.inherited();
  const { words, given } = program;
  const argv = [...l.words(words.slice(0, words.length - given)), ...l.lastArguments(given)];
  if (config.sockets.size > 0) mustTrace(host, l, program, inherited);
  const files = mountsOf(host, program.argv[0]!, config);
  const able = (files.length === 0 && !config.sysctl) ||
    mayHaveFiles(host, l, { ...program, wantsFiles: program.wantsFiles || config.sysctl }, inherited);
  const order: Order = {
    comm: basename(words[0]!),
    pid: host.pid,
    mounts: able ? files : [],
    usual: !program.wantsFiles,
    views: able ? viewsOf(host, l, config) : [],
    ...(config.path === undefined ? {} : { prefix: config.path }),
    families: linuxFamilies(config.sockets),
  };
  if (order.mounts.length + order.views.length + order.families.length > 0) prepare(host, l, order);
  return run(host, l, program, argv, inherited);
}
const basename = (path: string) => path.slice(path.lastIndexOf("/") + 1);
/** Tables of the network come with its sockets, where they can. */
function viewsOf(host: Host, l: Launch, { sockets, sysctl }: HijackConfig): ViewName[] {
  const network = (sockets.has("inet") || sockets.has("inet6")) && l.mayMount() && l.mayUse(FUSE) &&
    isThere(host, STAGE);
  return [...(network ? ["tables"] as const : []), ...(sysctl ? ["variables", "linux"] as const : [])];
}
function isThere(host: Host, path: string): boolean {
  try {
    host.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Everything that is to be there before the program is. */
function prepare(host: Host, l: Launch, order: Order): void {
  const { socket, disowned } = l.apart([APART]);
  l.say(socket, JSON.stringify(order));
  const mounts = [...order.mounts, ...order.views.map((view) => places[view])];
  const cwd = host.cwd();
  const fds = mounts.length > 0 ? mounted(l, order, socket) : (answer(l, socket), []);
  disowned();
  const parcel = l.parcel(socket, fds);
  parcel.send(order.families.length > 0 ? listener(host, order, { fd: socket, message: parcel.message }) : undefined);
  if (host.uid === 0) { for (const { at } of order.mounts) l.readAhead(at); }
  // What was covered is not what is there now; a directory in a mount is found only once that is served.
  if (fds.length > 0) l.chdir(cwd);
  // Until it has been asked, the kernel takes a mount's root for uid 0's: nobody's here, whom nothing may be written for.
  if (host.env(INSIDE) !== undefined) { for (const { at } of mounts) host.stat(at); }
}
/** Who is to be told of calls about sockets: all but the one that hands this over, from now on. */
function listener(host: Host, { families }: Order, own: HandOver): number {
  return host.seccompListener(hijackFilter(host.machine as Machine, { families }, own));
}
function answer(l: Launch, socket: number): readonly ("dir" | "file")[] {
  const said = parsed<Answer>(l.hear(socket));
  if ("error" in said) throw new AttachError(said.error);
  return said.types;
}
/** Make the mounts, while the process apart gets ready; their descriptors. */
function mounted(l: Launch, { mounts, views }: Order, socket: number): number[] {
  l.unshareMounts();
  for (const { at, root } of mounts) if (root === "/") l.mountPoint(at, "dir");
  const viewing = viewed(l, views);
  const fds = answer(l, socket).map((type, i) => {
    const { at } = mounts[i]!;
    l.mountPoint(at, type);
    return l.mountFuse(at, type, "rump");
  });
  return [...fds, ...viewing];
}
function viewed(l: Launch, views: readonly ViewName[]): number[] {
  if (views.length > 0) l.stageProc(STAGE);
  return views.map((view) => {
    const { at, links } = places[view];
    l.mountPoint(at, "dir");
    l.mountLinks(STAGE, links);
    return l.mountFuse(at, "dir", "rump", true);
  });
}

/** Sockets are served by who may look into the program: where not, in a user name space of our own, if at all. */
function mustTrace(host: Host, l: Launch, program: Program, inherited: readonly number[]): void {
  const scope = isThere(host, SCOPE) ? new TextDecoder().decode(host.readFile(SCOPE)) : undefined;
  const why = yamaObstacle(scope, l.mayTrace());
  if (why === undefined) return;
  if (yamaObstacle(scope, true) === undefined) startInside(host, l, program, inherited);
  throw new AttachError(`${program.argv[0]}: no sockets of the rump kernel: ${why}`);
}
/** Whether mounts can be made. Where they cannot, that is said, and it is the end of it if files were asked for. */
function mayHaveFiles(host: Host, l: Launch, program: Program, inherited: readonly number[]): boolean {
  const why = obstacle(host, l, program, inherited);
  if (why === undefined) return true;
  const line = `${program.argv[0]}: no files of the rump kernel: ${why}`;
  if (program.wantsFiles) throw new AttachError(line);
  host.err(`${line}; sockets only\n`);
  return false;
}
/** Where an ordinary user has all rights: we are started again in a user name space of our own. Returns if that cannot be. */
function startInside(host: Host, l: Launch, { argv, given }: Program, inherited: readonly number[]): void {
  if (host.env(INSIDE) !== undefined || !l.succeeds([...USER, "true"])) return;
  const ours = [...USER, "env", `${INSIDE}=1`, host.self.path, ...host.self.args];
  ours.push(...argv.slice(0, argv.length - given));
  l.becomeOurs([...l.words(ours), ...l.lastArguments(given)], inherited);
}
function obstacle(host: Host, l: Launch, program: Program, inherited: readonly number[]): string | undefined {
  if (!l.mayUse(FUSE)) return `${FUSE} is not there, or not for us`;
  if (l.mayMount()) return undefined;
  startInside(host, l, program, inherited);
  return "mounting needs root, or a user name space (unshare -U)";
}

function run(
  host: Host,
  l: Launch,
  { argv: [as], words }: Program,
  argv: readonly Uint8Array[],
  inherited: readonly number[],
): number {
  // The rights of a name space of our own are not the program's.
  if (host.env(INSIDE) !== undefined) l.dropRights();
  l.unsetVariable(INSIDE);
  try {
    return l.become(argv, inherited);
  } catch (e) {
    const { code, message } = e as Error & { code?: string };
    host.err(`${as}: ${words[0]}: ${message}\n`);
    return code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE;
  }
}
