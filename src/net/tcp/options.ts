/** Options of TCP sockets at level IPPROTO_TCP (tcp(4)). */
import { errno } from "../../abi/errno.ts";
import { viewOf } from "../../lib/struct.ts";
import { setKeepAlive } from "./arm.ts";
import { algorithms, initialWindow } from "./congestion.ts";
import { tcpInfo } from "./info.ts";
import type { KeepTimes, Settings } from "./settings.ts";
import type { Tcb } from "./tcb.ts";

/** netinet/tcp.h */
const TCP_NODELAY = 1;
const TCP_MAXSEG = 2;
const TCP_KEEPIDLE = 3;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_KEEPINIT = 7;
const TCP_INFO = 9;
const TCP_CONGCTL = 0x20;
/** netinet/tcp_fsm.h: there is no connection, or there may come some. */
const TCPS_CLOSED = 0;
const TCPS_LISTEN = 1;
const SECOND = 1000;
/** Longest name of an algorithm (TCPCC_MAXLEN). */
const MAX_NAME = 12;

/** What a socket was told, for the connection it has or will have. */
export class TcpOptions implements KeepTimes {
  noDelay = false;
  /** 0: what the path takes. */
  maxSegment = 0;
  keepIdle: number;
  keepInterval: number;
  keepCount: number;
  keepInit: number;
  congestion: string;

  constructor(from: Settings | TcpOptions) {
    this.keepIdle = from.keepIdle;
    this.keepInterval = from.keepInterval;
    this.keepCount = from.keepCount;
    this.keepInit = from.keepInit;
    this.congestion = "congestion" in from ? from.congestion : from.congctl;
    if (!("noDelay" in from)) return;
    this.noDelay = from.noDelay;
    this.maxSegment = from.maxSegment;
  }
  /** ENOPROTOOPT: there is no such option. */
  get(
    name: number,
    c: Tcb | undefined,
    { mssdflt, listening }: { readonly mssdflt: number; readonly listening: boolean },
  ) {
    if (name === TCP_INFO) return tcpInfo(c, listening ? TCPS_LISTEN : TCPS_CLOSED);
    if (name === TCP_CONGCTL) return new TextEncoder().encode(`${this.congestion}\0`);
    const bytes = new Uint8Array(4);
    viewOf(bytes).setInt32(0, this.#number(name, c, mssdflt), true);
    return bytes;
  }
  #number(name: number, c: Tcb | undefined, mssdflt: number): number {
    switch (name) {
      case TCP_NODELAY:
        return this.noDelay ? 1 : 0;
      case TCP_MAXSEG:
        return c?.mss ?? (this.maxSegment || mssdflt);
      case TCP_KEEPIDLE:
        return this.keepIdle / SECOND;
      case TCP_KEEPINTVL:
        return this.keepInterval / SECOND;
      case TCP_KEEPCNT:
        return this.keepCount;
      case TCP_KEEPINIT:
        return this.keepInit / SECOND;
      default:
        throw errno.ENOPROTOOPT;
    }
  }
  /** EINVAL: not a value it can have; ENOPROTOOPT. */
  set(name: number, value: Uint8Array, c: Tcb | undefined, minmss: number): void {
    if (name === TCP_CONGCTL) this.#congestion(value);
    else this.#set(name, value, c, minmss);
    if (c) this.apply(c);
  }
  #congestion(value: Uint8Array): void {
    const end = value.indexOf(0);
    const name = new TextDecoder().decode(value.subarray(0, end < 0 ? MAX_NAME : end));
    if (!Object.hasOwn(algorithms, name)) throw errno.EINVAL;
    this.congestion = name;
  }
  #set(name: number, value: Uint8Array, c: Tcb | undefined, minmss: number): void {
    if (this.#number(name, undefined, 0) === undefined || value.length < 4) throw errno.EINVAL;
    const n = viewOf(value).getInt32(0, true);
    const positive = (limit: number) => {
      if (n <= 0 || n > limit) throw errno.EINVAL;
      return n;
    };
    if (name === TCP_NODELAY) this.noDelay = n !== 0;
    else if (name === TCP_MAXSEG) {
      if (n < minmss || n > (c?.mss ?? 65_535)) throw errno.EINVAL;
      this.maxSegment = n;
    } else if (name === TCP_KEEPIDLE) this.keepIdle = positive(0x7fff_ffff / SECOND) * SECOND;
    else if (name === TCP_KEEPINTVL) this.keepInterval = positive(0x7fff_ffff / SECOND) * SECOND;
    else if (name === TCP_KEEPCNT) this.keepCount = positive(0x7fff_ffff);
    else this.keepInit = positive(0x7fff_ffff / SECOND) * SECOND;
  }
  /** Let a connection have them. */
  apply(c: Tcb): void {
    c.noDelay = this.noDelay;
    if (this.maxSegment > 0) {
      c.maxSegment = this.maxSegment;
      c.mss = Math.min(c.mss, this.maxSegment);
    }
    c.keep = this;
    if (c.congestion.name !== this.congestion) c.congestion = algorithms[this.congestion]!(initialWindow(c.mss));
    setKeepAlive(c);
  }
}
