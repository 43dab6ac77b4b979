/** /dev/bpf: every open is a listener of its own, on one interface (bpf(4); NetBSD: bpf.c). */
import { BIOC, BPF_D, BPF_PROGRAM, BPF_VERSION, BpfDExt, BpfDltlist, BpfStat, BpfVersion, DLT } from "../../abi/bpf.ts";
import { errno } from "../../abi/errno.ts";
import { AF_INET, AF_INET6, FIONREAD, O_NONBLOCK, POLLIN, POLLOUT, POLLRDNORM, S_IFCHR } from "../../abi/flags.ts";
import { Ifreq } from "../../abi/net_structs.ts";
import { Stat, Timespec } from "../../abi/structs.ts";
import type { File, Fileops } from "../../kern/file.ts";
import type { Lwp } from "../../kern/proc.ts";
import { milliseconds } from "../../kern/poll.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Async } from "../../plugin.ts";
import type { Interface } from "../interface.ts";
import type { Stack } from "../stack.ts";
import { Filter, parseProgram } from "./filter.ts";
import { type BpfCounters, Listener } from "./listener.ts";

/** Bytes of header before what is in a frame, by DLT. */
const LINK: Readonly<Record<number, number>> = { [DLT.EN10MB]: 14, [DLT.NULL]: 4, [DLT.RAW]: 0 };
const SOURCE = 6;
type Command = (d: DataView, data: Uint8Array) => void;

/** What every open /dev/bpf of a kernel is told in: sysctl net.bpf.peers and net.bpf.stats. */
export class BpfPeers {
  readonly totals: BpfCounters = { received: 0, dropped: 0, captured: 0 };
  readonly files = new Set<BpfFile>();

  open(stack: Stack): Fileops {
    const file = new BpfFile(stack, this);
    this.files.add(file);
    return file;
  }
}
class BpfFile implements Fileops {
  readonly seekable = false;
  readonly #stack: Stack;
  readonly #listener: Listener;
  #iface: Interface | undefined;
  /** Written frames have their source address already. */
  #complete = false;
  /** What is written is taken as received, too. */
  #feedback = false;
  #promiscuous = false;
  /** A packet without a header of its own, with one that tells its family before it (DLT_NULL). */
  #null = new Uint8Array(2048);
  readonly #unlisten: () => void;

  /** Who used it last. */
  #pid = 0;
  readonly #peers: BpfPeers;

  constructor(stack: Stack, peers: BpfPeers) {
    this.#stack = stack;
    this.#peers = peers;
    this.#listener = new Listener(stack.sys.callout, () => stack.kernel.host.wall(), peers.totals);
    const gone = (change: { readonly kind: string; readonly gone?: boolean; readonly iface?: Interface }) => {
      if (change.kind === "interface" && change.gone && change.iface === this.#iface) this.#leave();
    };
    stack.listeners.add(gone);
    this.#unlisten = () => void stack.listeners.delete(gone);
  }
  get changes() {
    return this.#listener.changes;
  }

  // The interface

  readonly #tap = (packet: Uint8Array, out: boolean): void => {
    const { direction } = this.#listener;
    if (direction !== BPF_D.INOUT && out !== (direction === BPF_D.OUT)) return;
    this.#listener.see(this.#iface!.dlt === DLT.NULL ? this.#headed(packet) : packet);
  };
  #headed(packet: Uint8Array): Uint8Array {
    if (this.#null.length < packet.length + 4) this.#null = new Uint8Array(packet.length + 4);
    this.#null[0] = packet[0]! >> 4 === 6 ? AF_INET6 : AF_INET;
    this.#null.set(packet, 4);
    return this.#null.subarray(0, packet.length + 4);
  }
  #attach(name: string): void {
    const iface = this.#stack.interface(name);
    this.#leave();
    this.#iface = iface;
    this.#listener.start(LINK[iface.dlt] ?? 0);
    iface.taps.add(this.#tap);
  }
  #leave(): void {
    if (this.#promiscuous) this.#iface?.promiscuous(false);
    this.#promiscuous = false;
    this.#iface?.taps.delete(this.#tap);
    this.#iface = undefined;
    this.changes.wake();
  }
  #on(): Interface {
    if (!this.#iface) throw errno.EINVAL;
    return this.#iface;
  }

  // As an open file

  read(file: File, into: Uint8Array, _offset: number, lwp: Lwp): Async<number> {
    this.#pid = lwp.proc.pid;
    return this.#listener.read(lwp, into, (file.flags & O_NONBLOCK) !== 0, () => this.#iface === undefined);
  }
  /** Send a frame. ENXIO: no interface; ENETDOWN; EMSGSIZE. */
  write(_file: File, from: Uint8Array): number {
    const iface = this.#iface;
    if (!iface) throw errno.ENXIO;
    if (!iface.up) throw errno.ENETDOWN;
    const link = LINK[iface.dlt] ?? 0;
    if (from.length === 0) return 0;
    if (from.length < link || from.length - link > iface.mtu) throw errno.EMSGSIZE;
    this.#send(iface, iface.dlt === DLT.NULL ? from.subarray(link) : from);
    return from.length;
  }
  #send(iface: Interface, frame: Uint8Array): void {
    const { packets } = this.#stack;
    const p = packets.copy(frame, 0);
    if (!p) throw errno.EMSGSIZE;
    if (iface.device.mac && !this.#complete) p.bytes.set(iface.device.mac, p.start + SOURCE);
    iface.inject(p, this.#feedback);
    if (!iface.loopback) packets.put(p);
  }
  poll(): number {
    return POLLOUT | (this.#listener.readable() || !this.#iface ? POLLIN | POLLRDNORM : 0);
  }
  stat(_file: File, into: Uint8Array): void {
    const d = viewOf(into);
    Stat.set.mode(d, 0, S_IFCHR | 0o600);
    Stat.set.nlink(d, 0, 1);
    Stat.set.blksize(d, 0, this.#listener.size);
  }
  about() {
    return { type: "bpf", ...(this.#iface ? { name: this.#iface.name } : {}) };
  }
  /** struct bpf_d_ext */
  describe(d: DataView, at: number): void {
    const { size, immediate, state, direction, counters } = this.#listener;
    BpfDExt.write(d, at, {
      bufsize: size,
      promisc: Number(this.#promiscuous),
      state,
      immediate: Number(immediate),
      hdrcmplt: Number(this.#complete),
      direction,
      pid: this.#pid,
      ...counters,
      ifname: this.#iface?.name ?? "",
    });
  }
  close(): void {
    this.#peers.files.delete(this);
    this.#leave();
    this.#unlisten();
    this.#listener.stop();
  }
  ioctl(_file: File, command: number, data: Uint8Array | undefined, lwp: Lwp): number {
    this.#pid = lwp.proc.pid;
    const run = this.#commands[command];
    if (!run) throw errno.ENOTTY;
    const bytes = data ?? new Uint8Array(0);
    run(viewOf(bytes), bytes);
    return 0;
  }
  readonly #commands: Readonly<Record<number, Command>> = this.#table();
  #table(): Record<number, Command> {
    const l = () => this.#listener;
    const give = (read: () => number): Command => (d) => d.setUint32(0, read(), true);
    const take = (write: (n: number) => void): Command => (d) => write(d.getUint32(0, true));
    return {
      [FIONREAD]: give(() => l().waiting),
      [BIOC.BIOCGBLEN]: give(() => l().size),
      [BIOC.BIOCSBLEN]: (d) => d.setUint32(0, l().resize(d.getUint32(0, true)), true),
      [BIOC.BIOCSETF]: (_d, data) => this.#setFilter(data.subarray(BPF_PROGRAM)),
      [BIOC.BIOCFLUSH]: () => l().reset(),
      [BIOC.BIOCPROMISC]: () => this.#setPromiscuous(),
      [BIOC.BIOCGDLT]: give(() => this.#on().dlt),
      [BIOC.BIOCSDLT]: take((n) => {
        if (n !== this.#on().dlt) throw errno.EINVAL;
      }),
      [BIOC.BIOCGDLTLIST]: (d, data) => this.#giveTypes(d, data),
      [BIOC.BIOCGETIF]: (d) => Ifreq.set.name(d, 0, this.#on().name),
      [BIOC.BIOCSETIF]: (d) => this.#attach(Ifreq.get.name(d, 0)),
      [BIOC.BIOCGSTATS]: (d) => BpfStat.write(d, 0, l().counters),
      [BIOC.BIOCIMMEDIATE]: take((n) => void (l().immediate = n !== 0)),
      [BIOC.BIOCVERSION]: (d) => BpfVersion.write(d, 0, BPF_VERSION),
      [BIOC.BIOCGHDRCMPLT]: give(() => Number(this.#complete)),
      [BIOC.BIOCSHDRCMPLT]: take((n) => void (this.#complete = n !== 0)),
      [BIOC.BIOCGSEESENT]: give(() => l().direction),
      [BIOC.BIOCSSEESENT]: take((n) => {
        if (n > BPF_D.OUT) throw errno.EINVAL;
        l().direction = n;
      }),
      [BIOC.BIOCSRTIMEOUT]: (_d, data) => void (l().timeout = milliseconds(data, 1e6)!),
      [BIOC.BIOCGRTIMEOUT]: (d) => {
        const { timeout } = l();
        Timespec.write(d, 0, { sec: Math.floor(timeout / 1000), nsec: (timeout % 1000) * 1000 });
      },
      [BIOC.BIOCGFEEDBACK]: give(() => Number(this.#feedback)),
      [BIOC.BIOCSFEEDBACK]: take((n) => void (this.#feedback = n !== 0)),
    };
  }
  /** No instructions: everything is wanted. EINVAL: they are no program. */
  #setFilter(memory: Uint8Array): void {
    const program = memory.length === 0 ? undefined : parseProgram(memory);
    if (memory.length > 0 && !program) throw errno.EINVAL;
    this.#listener.filter = program && new Filter(program);
    this.#listener.reset();
  }
  #setPromiscuous(): void {
    const iface = this.#on();
    if (!this.#promiscuous) iface.promiscuous(true);
    this.#promiscuous = true;
  }
  #giveTypes(d: DataView, data: Uint8Array): void {
    const { dlt } = this.#on();
    if (data.length >= BpfDltlist.size + 4) d.setUint32(BpfDltlist.size, dlt, true);
    else if (BpfDltlist.get.length(d, 0) > 0 || data.length > BpfDltlist.size) throw errno.ENOMEM;
    BpfDltlist.set.length(d, 0, 1);
  }
}
