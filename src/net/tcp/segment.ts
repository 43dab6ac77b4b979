/** Segments: what a received one says, and one that goes out (RFC 9293, 3.1; options of RFC 7323 and 2018). */
import {
  MAX_OPTIONS,
  Tcp,
  TCPOPT_EOL,
  TCPOPT_MAXSEG,
  TCPOPT_NOP,
  TCPOPT_SACK,
  TCPOPT_SACK_PERMITTED,
  TCPOPT_TIMESTAMP,
  TCPOPT_WINDOW,
} from "../../wire/tcp.ts";
import { viewOf } from "../../lib/struct.ts";

const NONE: Uint8Array = new Uint8Array(0);
const MAX_SACKS = 4;
/** RFC 7323, 2.3: larger ones are this. */
const MAX_SCALE = 14;
/** Bytes of the timestamp option with what aligns it. */
export const STAMP_SIZE = 12;

/** A received segment. One object for all: copy what is kept. */
export class Segment {
  seq = 0;
  ack = 0;
  flags = 0;
  /** As it stands in the header: not scaled. */
  window = 0;
  urgent = 0;
  /** A router marked its packet (RFC 3168): whoever parsed it knows. */
  ce = false;
  /** Its data: bytes [at, at + length). */
  bytes = NONE;
  at = 0;
  length = 0;
  /** Bytes of data in each, if it is several segments that came as one; 0: it is not. */
  piece = 0;
  // Options; 0, -1 or false: it has none.
  mss = 0;
  scale = -1;
  sackPermitted = false;
  stamped = false;
  stamp = 0;
  echo = 0;
  /** Blocks of SACK: left and right edges. */
  readonly sacks = new Int32Array(2 * MAX_SACKS);
  sackCount = 0;

  /** Read what stands at [at, end). False: it is malformed. */
  parse(bytes: Uint8Array, view: DataView, at: number, end: number): boolean {
    if (end - at < Tcp.size) return false;
    const header = (Tcp.get.offset(view, at) >> 4) * 4;
    if (header < Tcp.size || header > end - at) return false;
    this.seq = Tcp.get.seq(view, at);
    this.ack = Tcp.get.ack(view, at);
    this.flags = Tcp.get.flags(view, at);
    this.window = Tcp.get.window(view, at);
    this.urgent = Tcp.get.urgent(view, at);
    this.ce = false;
    this.piece = 0;
    this.bytes = bytes;
    this.at = at + header;
    this.length = end - this.at;
    this.clearOptions();
    if (header > Tcp.size) this.#options(view, at + Tcp.size, this.at);
    return true;
  }
  clearOptions(): void {
    this.mss =
      this.sackCount =
      this.stamp =
      this.echo =
        0;
    this.scale = -1;
    this.sackPermitted = this.stamped = false;
  }
  /** Options that are cut or of a wrong length end the list. */
  #options(view: DataView, at: number, end: number): void {
    while (at < end) {
      const kind = view.getUint8(at);
      if (kind === TCPOPT_EOL) return;
      if (kind === TCPOPT_NOP) {
        at++;
        continue;
      }
      const length = at + 1 < end ? view.getUint8(at + 1) : 0;
      if (length < 2 || at + length > end) return;
      this.#option(kind, length, view, at + 2);
      at += length;
    }
  }
  #option(kind: number, length: number, view: DataView, at: number): void {
    if (kind === TCPOPT_TIMESTAMP && length === 10) {
      this.stamped = true;
      this.stamp = view.getInt32(at);
      this.echo = view.getInt32(at + 4);
    } else if (kind === TCPOPT_SACK && (length - 2) % 8 === 0) {
      this.sackCount = Math.min(MAX_SACKS, (length - 2) / 8);
      for (let i = 0; i < 2 * this.sackCount; i++) this.sacks[i] = view.getInt32(at + 4 * i);
    } else if (kind === TCPOPT_MAXSEG && length === 4) this.mss = view.getUint16(at);
    else if (kind === TCPOPT_WINDOW && length === 3) this.scale = Math.min(MAX_SCALE, view.getUint8(at));
    else if (kind === TCPOPT_SACK_PERMITTED && length === 2) this.sackPermitted = true;
  }
}

/** A segment that goes out. One object for all. */
export class OutSegment {
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  urgent = 0;
  /** Routers may mark its packet (RFC 3168). */
  ect = false;
  /** Its data: `length` bytes at an offset in what is being sent. */
  from = 0;
  length = 0;
  /** Bytes of data in each segment it is cut into on its way; 0: it is one. */
  segment = 0;
  readonly options = new Uint8Array(MAX_OPTIONS);
  /** Bytes of options: a multiple of 4. */
  optionLength = 0;
  readonly #view = viewOf(this.options);

  begin(seq: number, ack: number, flags: number, window: number): void {
    this.seq = seq;
    this.ack = ack;
    this.flags = flags;
    this.window = window;
    this.from =
      this.length =
      this.segment =
      this.optionLength =
      this.urgent =
        0;
    this.ect = false;
  }
  mss(value: number): void {
    this.#view.setUint32(this.optionLength, (TCPOPT_MAXSEG << 24) | (4 << 16) | value);
    this.optionLength += 4;
  }
  scale(value: number): void {
    this.#view.setUint32(this.optionLength, (TCPOPT_NOP << 24) | (TCPOPT_WINDOW << 16) | (3 << 8) | value);
    this.optionLength += 4;
  }
  sackPermitted(): void {
    this.#view.setUint32(
      this.optionLength,
      (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_SACK_PERMITTED << 8) | 2,
    );
    this.optionLength += 4;
  }
  stamp(value: number, echo: number): void {
    const at = this.optionLength;
    this.#view.setUint32(at, (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_TIMESTAMP << 8) | 10);
    this.#view.setInt32(at + 4, value);
    this.#view.setInt32(at + 8, echo);
    this.optionLength = at + STAMP_SIZE;
  }
  /** Begin a SACK option with as many blocks as there is room for; how many that is. Their edges follow by `edge`. */
  sacks(count: number): number {
    const n = Math.min(count, (MAX_OPTIONS - this.optionLength - 4) >> 3);
    if (n <= 0) return 0;
    this.#view.setUint32(
      this.optionLength,
      (TCPOPT_NOP << 24) | (TCPOPT_NOP << 16) | (TCPOPT_SACK << 8) | (2 + 8 * n),
    );
    this.optionLength += 4;
    return n;
  }
  edge(value: number): void {
    this.#view.setInt32(this.optionLength, value);
    this.optionLength += 4;
  }
  /** Write header and options at `at`, the checksum 0; where data follows. */
  write(view: DataView, bytes: Uint8Array, at: number, port: number, remotePort: number): number {
    const { set } = Tcp;
    const header = Tcp.size + this.optionLength;
    set.source(view, at, port);
    set.destination(view, at, remotePort);
    set.seq(view, at, this.seq);
    set.ack(view, at, this.ack);
    set.offset(view, at, header << 2);
    set.flags(view, at, this.flags);
    set.window(view, at, this.window);
    set.checksum(view, at, 0);
    set.urgent(view, at, this.urgent);
    for (let i = 0; i < this.optionLength; i++) bytes[at + Tcp.size + i] = this.options[i]!;
    return at + header;
  }
}
