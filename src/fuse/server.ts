/**
 * Serves a mounted volume to the Linux kernel over /dev/fuse, in the loop: a request is answered before the next is read
 * as long as the driver answers at once; one that has to wait keeps its buffers and is answered later.
 */
import { errno, SysError } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import { Quiet } from "../kern/quiet.ts";
import type { Async, Make, StatFs } from "../plugin.ts";
import type { Mount } from "../vfs/mount.ts";
import {
  EPOCH_MINOR,
  INIT,
  INIT_OUT_SIZE,
  InitIn,
  InitOut,
  InvalInode,
  MountStats,
  NOTIFY_INC_EPOCH,
  NOTIFY_INVAL_INODE,
  OUT_HEADER,
} from "../wire/fuse.ts";
import { linuxErrno } from "../abi/linux_errno.ts";
import { type Known, Nodes } from "./nodes.ts";
import { NO_REPLY, ops } from "./ops.ts";
import type { Listing } from "./ops_list.ts";
import type { HostLocks } from "./ops_lock.ts";
import { LONG, type Valid } from "./reply.ts";
import { MAX_DATA, Request } from "./request.ts";

const FORGET = 2;
const READ = 15;
const WRITE = 16;
const INIT_OP = 26;
const INTERRUPT = 36;
const DESTROY = 38;
const NOTIFY_REPLY = 41;
const BATCH_FORGET = 42;
const READDIRPLUS = 44;
/** Names in a listing's reply: each is the work of a request. */
const NAMES = 64;
const BODY = 40;
/** struct fuse_in_header unique. */
const UNIQUE = 8;
const uniqueAt = (req: Request, at: number) => `${req.in.view.getBigUint64(at, true)}`;
const EAGAIN = -11;
const EINTR = -4;
/** The request was taken back before we read it. */
const ENOENT = -2;
const PAGES = 256;
const MINOR = 45;
const ASKED = INIT.ASYNC_READ | INIT.BIG_WRITES | INIT.HAS_IOCTL_DIR | INIT.DO_READDIRPLUS | INIT.ASYNC_DIO |
  INIT.NO_OPEN_SUPPORT |
  INIT.PARALLEL_DIROPS | INIT.ABORT_ERROR | INIT.MAX_PAGES | INIT.CACHE_SYMLINKS | INIT.HANDLE_KILLPRIV_V2 |
  INIT.INIT_EXT;
/** Of files others change, too, what is in memory is true only as long as their times and sizes stay. */
const SHARED = INIT.AUTO_INVAL_DATA | INIT.ATOMIC_O_TRUNC;

/** What a volume must hear of that others change as well, beside its operations. Flags are open(2)'s, the host's. */
export interface Opens {
  /** Nothing of a file is kept in memory: it is read from here whatever size it has. `opening` is a number of its own. */
  readonly direct?: {
    read(opening: number, node: unknown, into: Uint8Array, offset: number): Async<number>;
    release(opening: number): void;
  };
  /** A file is opened. True: it is as it was when it was last looked at. */
  open(node: unknown, flags: number): Async<boolean>;
  /** Seconds what is told of it, and of names in it, is true at most; left out: as long as all. */
  seconds?(node: unknown): number;
  /** A directory is opened: whether it is as it was when it was last listed; undefined, or left out: who can say. */
  opendir?(node: unknown): boolean | undefined;
  /** One of its openings with these flags is done with. */
  release(node: unknown, flags: number): Async<void>;
  /** Make a file, open; another may have made it meanwhile. */
  create(dir: unknown, name: string, make: Make, flags: number): Async<unknown>;
  /** Left out: the host's kernel keeps the locks of those who see the mount, apart from all others'. */
  readonly locks?: HostLocks;
  /** Of the file system a node is on: there may be several. */
  statfs(node: unknown): Async<StatFs>;
}

export interface FuseOptions {
  /** Let the kernel gather small writes (WRITEBACK_CACHE). */
  readonly writeback?: boolean;
  /** Others change the volume, too; then what the kernel is told is true for `validSeconds` only. */
  readonly opens?: Opens;
  readonly validSeconds?: number;
  /** What operations wait for comes by the loop itself, which is told (`settled`): the runtime need not turn for it. */
  readonly settles?: boolean;
  /** The kernel has said hello: the mount answers. */
  readonly ready: () => void;
  /** The mount is gone. */
  readonly ended: () => void;
  readonly log: (text: string) => void;
  /** Bytes of blocks in memory, and of those not yet on the disk. */
  readonly memory: () => { readonly cached: number; readonly dirty: number };
}

export class FuseServer {
  readonly mount: Mount;
  readonly nodes: Nodes;
  /** See FuseOptions. */
  readonly opens: Opens | undefined;
  /** Seconds what the kernel is told is true. */
  valid: number;
  readonly listings = new Map<number, Listing>();
  /** Requests served, by opcode. */
  readonly counts = new Float64Array(64);
  bytesRead = 0;
  bytesWritten = 0;
  readonly #host: Host;
  readonly #fd: number;
  readonly #options: FuseOptions;
  readonly #spare: Request[] = [];
  #req: Request;
  readonly #since: number;
  #serial = 1;
  #minor = 0;
  #waiting = 0;
  #gone = false;
  readonly #quiet: Quiet;

  constructor(host: Host, mount: Mount, fd: number, options: FuseOptions) {
    this.#host = host;
    this.mount = mount;
    this.#fd = fd;
    this.#since = host.now();
    this.#options = options;
    this.opens = options.opens;
    this.valid = options.validSeconds ?? mount.volume.validSeconds ?? LONG;
    this.nodes = new Nodes(mount);
    this.#req = new Request(host);
    this.#quiet = new Quiet(host.loop.timer.bind(host.loop), () => host.collect());
  }
  /** Serve from now on, in the host's loop. */
  start(): void {
    this.mount.watchers.add((node, name) => this.#touched(node, name));
    this.#host.loop.add(this.#fd, { read: true, write: false }, ({ error }) => this.#ready(error));
  }
  now(): number {
    return this.#host.wall();
  }
  serial(): number {
    return this.#serial++;
  }
  /** What was done so far, as wire/fuse.ts MountStats. */
  stats(): Uint8Array {
    const bytes = new Uint8Array(MountStats.size);
    MountStats.write(new DataView(bytes.buffer), 0, {
      requests: this.counts.reduce((sum, n) => sum + n, 0),
      waiting: this.#waiting,
      reads: this.counts[READ]!,
      bytesRead: this.bytesRead,
      writes: this.counts[WRITE]!,
      bytesWritten: this.bytesWritten,
      ...this.#options.memory(),
      milliseconds: Math.floor(this.#host.now() - this.#since),
    });
    return bytes;
  }
  /** How long what is told of a node is true. */
  seconds(node: unknown): number {
    return Math.min(this.valid, this.opens?.seconds?.(node) ?? this.valid);
  }
  /** How long an entry stays true: its name not at all for another spelling of a file that is known by one. */
  validity(known: Known, name: string): Valid {
    const attr = this.seconds(known.node);
    if (!this.mount.volume.foldsCase) return { name: attr, attr };
    if (this.#minor < EPOCH_MINOR) return { name: 0, attr }; // no way to take back what was said
    return { name: known.name === name ? attr : 0, attr };
  }
  /** All names are to be looked up again. */
  forgetNames(): void {
    if (!this.mount.volume.foldsCase || this.#minor < EPOCH_MINOR) return;
    this.#notify(NOTIFY_INC_EPOCH, OUT_HEADER);
  }
  /** What was told of a file is not true any more, its data is. */
  forgetAttributes(id: number): void {
    const { view } = this.#notice;
    InvalInode.set.nodeid(view, OUT_HEADER, id);
    view.setBigInt64(OUT_HEADER + InvalInode.at.offset, -1n, true); // attributes only
    InvalInode.set.length(view, OUT_HEADER, 0);
    this.#notify(NOTIFY_INVAL_INODE, OUT_HEADER + InvalInode.size);
  }
  /** The driver says that a file, a name, or everything has changed. */
  #touched(node?: unknown, name?: string): void {
    const known = node === undefined ? undefined : this.nodes.of(node);
    if (known) this.forgetAttributes(known.id);
    else if (node === undefined) { for (const { id } of this.nodes) this.forgetAttributes(id); }
    // Taking one name back would wait for the directory's lock, whose holder may wait for us: all are, which waits for nothing.
    if ((node === undefined || name !== undefined) && this.#minor >= EPOCH_MINOR) {
      this.#notify(NOTIFY_INC_EPOCH, OUT_HEADER);
    }
  }
  /** A message that answers no request. */
  #notify(code: number, length: number): void {
    const { words, address } = this.#notice;
    words[0] = length;
    words[1] = code;
    words[2] = 0;
    words[3] = 0;
    this.#host.write(this.#fd, address, length);
  }
  get #notice() {
    return (this.#noticeMemory ??= this.#host.pin(64));
  }
  #noticeMemory: ReturnType<Host["pin"]> | undefined;

  /** Read one request and answer it. True: there may be another. */
  #ready(error: boolean): boolean {
    if (this.#gone) return false;
    const req = this.#req;
    const n = this.#host.read(this.#fd, req.in.address, req.capacity);
    if (n > 0) {
      req.length = n;
      this.#serve(req);
      return !this.#gone;
    }
    if (n === EINTR || n === ENOENT) return true;
    if (n === EAGAIN && !error) return false;
    if (n === EAGAIN) return false;
    this.#end();
    return false;
  }
  #end(): void {
    if (this.#gone) return;
    this.stop();
    this.#options.ended();
  }
  /** Serve no more. */
  stop(): void {
    this.#gone = true;
    this.#quiet.end();
    this.#host.loop.remove(this.#fd);
  }

  #serve(req: Request): void {
    if (req.length < BODY || req.in.words[0] !== req.length) return;
    const { opcode } = req;
    this.counts[opcode & 63]!++;
    this.#quiet.served(opcode === READDIRPLUS ? NAMES : 1);
    try {
      const size = this.#perform(req, opcode);
      if (size instanceof Promise) this.#later(req, size, opcode);
      else this.#reply(req, size, 0);
    } catch (e) {
      this.#failed(req, e, opcode);
    }
  }
  #perform(req: Request, opcode: number): number | Promise<number> {
    if (opcode < 64 && ops[opcode]) {
      const known = this.nodes.get(req.nodeid);
      if (!known) throw errno.ENOENT;
      return ops[opcode]({ server: this, req, known, node: known.node, volume: this.mount.volume });
    }
    switch (opcode) {
      case FORGET:
        return this.#forget(req.nodeid, req.in.view.getUint32(BODY, true));
      case BATCH_FORGET:
        return this.#forgetMany(req);
      case INIT_OP:
        return this.#init(req);
      case INTERRUPT:
        this.#cancels.get(uniqueAt(req, BODY))?.();
        return NO_REPLY;
      case NOTIFY_REPLY:
        return NO_REPLY;
      case DESTROY:
        return 0;
      default:
        throw errno.ENOSYS;
    }
  }
  #failed(req: Request, e: unknown, opcode: number): void {
    if (!(e instanceof SysError)) {
      this.#options.log(`fuse: bug in operation ${opcode}: ${e instanceof Error ? e.stack ?? e.message : e}`);
    }
    if (opcode !== FORGET && opcode !== BATCH_FORGET) this.#reply(req, 0, linuxErrno(e));
  }
  #reply(req: Request, size: number, error: number): void {
    if (size === NO_REPLY && error === 0) return;
    this.#host.write(this.#fd, req.out.address, req.finish(size, error));
  }
  /** The request keeps its buffers; the next one gets others. */
  #later(req: Request, size: Promise<number>, opcode: number): void {
    const { loop } = this.#host;
    this.#req = this.#spare.pop() ?? new Request(this.#host);
    this.#waiting++;
    const turns = this.#options.settles ? 0 : 1;
    if (turns) loop.pending(1);
    else loop.settled(); // it may be so already
    void size.then((n) => this.#reply(req, n, 0), (e) => this.#failed(req, e, opcode)).finally(() => {
      this.#waiting--;
      if (turns) loop.pending(-1);
      this.#spare.push(req);
    });
  }
  /** Let the kernel interrupt a request that waits: `by` is told how, until it is `over`. */
  interruptible(req: Request): { by(cancel: () => void): void; over(): void } {
    const key = uniqueAt(req, UNIQUE);
    return { by: (cancel) => void this.#cancels.set(key, cancel), over: () => void this.#cancels.delete(key) };
  }
  readonly #cancels = new Map<string, () => void>();
  /** Requests that wait for their driver. */
  get waiting(): number {
    return this.#waiting;
  }

  #forget(id: number, n: number): number | Promise<number> {
    const done = this.nodes.forget(id, n);
    return done instanceof Promise ? done.then(() => NO_REPLY) : NO_REPLY;
  }
  #forgetMany(req: Request): number | Promise<number> {
    const d = req.in.view;
    const count = Math.min(d.getUint32(BODY, true), Math.floor((req.length - BODY - 8) / 16));
    const waits: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      const at = BODY + 8 + i * 16;
      const done = this.#forget(Number(d.getBigUint64(at, true)), d.getUint32(at + 8, true));
      if (done instanceof Promise) waits.push(done);
    }
    return waits.length > 0 ? Promise.all(waits).then(() => NO_REPLY) : NO_REPLY;
  }
  #init(req: Request): number {
    const d = req.in.view;
    const { get } = InitIn;
    this.#minor = get.minor(d, BODY);
    const { changing } = this.mount.volume;
    // Where a name cannot be taken back it is not believed for long.
    if (changing && this.#minor < EPOCH_MINOR) this.valid = Math.min(this.valid, 1);
    const shared = this.opens ? SHARED : changing ? INIT.AUTO_INVAL_DATA : 0;
    const locks = this.opens?.locks ? INIT.POSIX_LOCKS | INIT.FLOCK_LOCKS : 0;
    const flags = get.flags(d, BODY) & (ASKED | locks | (this.#options.writeback ? INIT.WRITEBACK_CACHE : 0) | shared);
    req.out.bytes.fill(0, OUT_HEADER, OUT_HEADER + INIT_OUT_SIZE);
    InitOut.write(req.out.view, OUT_HEADER, {
      major: 7,
      minor: Math.min(this.#minor, MINOR),
      maxReadahead: MAX_DATA, // not the least of both: what the kernel asks with is from before the host raised it
      flags: flags >>> 0,
      maxBackground: 64,
      congestion: 48,
      maxWrite: MAX_DATA,
      timeGran: 1,
      maxPages: PAGES,
    });
    // The reply must be out before anybody is told that the mount answers.
    this.#host.loop.timer(0, this.#options.ready);
    return INIT_OUT_SIZE;
  }
}
