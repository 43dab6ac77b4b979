/**
 * A socket that probes a network: what it sends and what comes, with the kernel's times. Both times are told by the rump
 * kernel's clock (one batch asks it and sends; SO_TIMESTAMP): a round trip has nothing of how long this program took.
 */
import { errno, SysError } from "../../abi/errno.ts";
import { AF_INET, SCM_TIMESTAMP, SO_TIMESTAMP, SOL_SOCKET } from "../../abi/flags.ts";
import { CMSG_DATA, Cmsghdr, MSGHDR, Timespec } from "../../abi/structs.ts";
import type { Host } from "../../host/host.ts";
import { viewOf } from "../../lib/struct.ts";
import { Failure, type Grammar } from "../cli.ts";
import { attached } from "../client.ts";
import type { Run } from "../mod.ts";
import { Tool } from "../tool.ts";

export type Client = Awaited<ReturnType<typeof attached>>;

const CLOCK_REALTIME = 0;
/** The longest packet there is. */
const ROOM = 65_536;
/** Room of control messages. */
const BESIDE = 512;

const int = (n: number) => new Uint8Array(new Int32Array([n]).buffer);

export interface Control {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}
/** What has come. */
export interface Arrived {
  readonly data: Uint8Array;
  /** The sender's sockaddr. */
  readonly from: Uint8Array;
  /** Milliseconds, of the kernel's clock. */
  readonly time: number;
  readonly control: readonly Control[];
}

/** ^C and SIGTERM: what waits is told, once and for all. */
export class Interrupt {
  happened = false;
  readonly promise: Promise<void>;
  constructor(host: Host) {
    this.promise = new Promise((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"]) {
        host.onSignal(signal, () => {
          this.happened = true;
          resolve();
        });
      }
    });
  }
}

/** What a promise gives; undefined: not in `ms`, or it was interrupted. */
export async function within<T>(promise: Promise<T>, ms: number, interrupt?: Interrupt): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    if (ms < LONGEST_TIMER) timer = setTimeout(resolve, Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late, ...(interrupt ? [interrupt.promise] : [])]) ?? undefined;
  } finally {
    clearTimeout(timer);
  }
}
/** Milliseconds that timers can wait; longer is for ever. */
const LONGEST_TIMER = 2 ** 31;

export class ProbeSocket {
  readonly #client: Client;
  readonly fd: number;
  #pending: Promise<Arrived> | undefined;

  private constructor(client: Client, fd: number) {
    this.#client = client;
    this.fd = fd;
  }
  /** Throws Failure where the server has no such network. */
  static async open(client: Client, domain: number, type: number, protocol: number): Promise<ProbeSocket> {
    try {
      return new ProbeSocket(client, (await client.sys.socket({ domain, type, protocol })) as number);
    } catch (e) {
      if (![errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ENOSYS].some((no) => no === e)) throw e;
      const component = domain === AF_INET ? "rumpnet_netinet" : "rumpnet_netinet6";
      throw new Failure(`the server has no such network: start it with -l ${component}`);
    }
  }
  /** Set an option; a number is an int. */
  async set(level: number, name: number, value: number | Uint8Array): Promise<void> {
    const val = typeof value === "number" ? int(value) : value;
    await this.#client.sys.setsockopt({ s: this.fd, level, name, val });
  }
  async bind(name: Uint8Array): Promise<void> {
    await this.#client.sys.bind({ s: this.fd, name });
  }
  async connect(name: Uint8Array): Promise<void> {
    await this.#client.sys.connect({ s: this.fd, name });
  }
  /** Its own sockaddr, of a length. */
  async name(length: number): Promise<Uint8Array> {
    const asa = new Uint8Array(length);
    await this.#client.sys.getsockname({ fdes: this.fd, asa, alen: int(length) });
    return asa;
  }
  async close(): Promise<void> {
    await this.#client.sys.close({ fd: this.fd });
  }
  /** Tell when things come. */
  async stamp(): Promise<void> {
    await this.set(SOL_SOCKET, SO_TIMESTAMP, 1);
  }
  /** Send; when that was, milliseconds of the kernel's clock. Throws what sendto failed with. */
  async send(buf: Uint8Array, to: Uint8Array): Promise<number> {
    const tp = new Uint8Array(Timespec.size);
    const [clock, sent] = await this.#client.batch((b) => [
      b.clock_gettime({ id: CLOCK_REALTIME, tp }),
      b.sendto({ s: this.fd, buf, flags: 0, to }),
    ]);
    void clock!.value;
    void sent!.value;
    return Timespec.get.sec(viewOf(tp), 0) * 1000 + Timespec.get.nsec(viewOf(tp), 0) / 1e6;
  }
  /** The next that comes; undefined: nothing in `ms`, or it was interrupted. */
  async next(ms: number, interrupt?: Interrupt): Promise<Arrived | undefined> {
    this.#pending ??= this.#receive();
    const got = await within(this.#pending, ms, interrupt);
    if (got) this.#pending = undefined;
    return got;
  }
  async #receive(): Promise<Arrived> {
    const [msg, name, iov, control] = [MSGHDR.size, 128, ROOM, BESIDE].map((n) => new Uint8Array(n));
    const d = viewOf(msg!);
    d.setUint32(MSGHDR.namelen, name!.length, true);
    d.setUint32(MSGHDR.iovlen, 1, true);
    d.setUint32(MSGHDR.controllen, BESIDE, true);
    const n = await this.#client.sys.recvmsg({
      s: this.fd,
      msg: msg!,
      name: name!,
      iov: iov!,
      control: control!,
      flags: 0,
    });
    const beside = controlsIn(control!.subarray(0, d.getUint32(MSGHDR.controllen, true)));
    const from = name!.slice(0, d.getUint32(MSGHDR.namelen, true));
    return { data: iov!.slice(0, n as number), from, time: timeIn(beside), control: beside };
  }
}
function controlsIn(bytes: Uint8Array): Control[] {
  const found: Control[] = [];
  const d = viewOf(bytes);
  for (let at = 0; at + Cmsghdr.size <= bytes.length;) {
    const { len, level, type } = Cmsghdr.dump(d, at);
    if (len < CMSG_DATA || at + len > bytes.length) break;
    found.push({ level, type, data: bytes.slice(at + CMSG_DATA, at + len) });
    at += (len + 7) & ~7;
  }
  return found;
}
function timeIn(beside: readonly Control[]): number {
  const stamp = beside.find((c) =>
    c.level === SOL_SOCKET && c.type === SCM_TIMESTAMP && c.data.length >= Timespec.size
  );
  if (!stamp) return NaN;
  const d = viewOf(stamp.data);
  // a struct timeval: microseconds
  return Timespec.get.sec(d, 0) * 1000 + Timespec.get.nsec(d, 0) / 1000;
}

/** The address a host sends from to get somewhere, as getsockname tells it. Throws Failure where no way leads there. */
export async function sourceFor(client: Client, to: Uint8Array, type: number): Promise<Uint8Array> {
  const socket = await ProbeSocket.open(client, to[1]!, type, 0);
  try {
    await socket.connect(to).catch((e) => {
      throw e instanceof SysError ? new Failure(`UDP connect: ${e.message}`) : e;
    });
    return await socket.name(to.length);
  } finally {
    await socket.close();
  }
}
/** A program that probes: `host` is its operand, which `operands` finds; after that up to `more` others may come. System calls that fail end it. */
export function probeProgram(
  grammar: Grammar,
  main: (t: Tool, host: string, client: Client) => Promise<number>,
  more = 0,
  operands = (t: Tool): readonly string[] => t.rest,
): Run {
  return async (host, argv) => {
    const t = new Tool(host, argv, grammar, () => {
      throw new Error("blocking calls are not used");
    });
    const [name, ...rest] = operands(t);
    if (name === undefined || rest.length > more) t.usage();
    const client = await attached(host, t.name);
    try {
      return await main(t, name!, client);
    } catch (e) {
      throw said(t.name, e);
    } finally {
      client.close();
    }
  };
}
/** A failure with the program's name. */
function said(name: string, e: unknown): unknown {
  if (e === errno.ECONNRESET) return new Failure(`${name}: the server is gone`);
  return e instanceof SysError || e instanceof Failure ? new Failure(`${name}: ${e.message}`) : e;
}
