/** Two TCPs and the network between them, with a clock of their own: what happens is decided by a seed. */
import { TcpEngine, type TcpListener } from "../../src/net/tcp/engine.ts";
import type { Tcb, TcpUser, Tuple } from "../../src/net/tcp/tcb.ts";
import { hasRead } from "../../src/net/tcp/receive.ts";
import { begin, write } from "../../src/net/tcp/user.ts";
import type { Ring } from "../../src/net/tcp/ring.ts";
import type { OutSegment } from "../../src/net/tcp/segment.ts";
import { TH_FIN, TH_PUSH } from "../../src/wire/tcp.ts";
import { viewOf } from "../../src/lib/struct.ts";

/** Numbers at random, 0 to 1, by a seed (xorshift32). */
export function seeded(seed: number): () => number {
  let x = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

export interface Path {
  /** Milliseconds one way; bytes a millisecond, and how many may wait. */
  readonly delay: number;
  readonly rate?: number;
  readonly queue?: number;
  /** Of one: lost, sent twice, late by up to `jitter` milliseconds. */
  readonly loss?: number;
  readonly duplicate?: number;
  readonly reorder?: number;
  readonly jitter?: number;
  readonly mtu?: number;
  /** Bytes that wait above which what may be marked is (RFC 3168). */
  readonly mark?: number;
  /** Bytes of data the engines may send as one, to be cut before the wire. */
  readonly burst?: number;
}
/** Send what goes as one piece by piece. */
function cutSegment(out: OutSegment, send: () => void): void {
  const { from, length, segment, seq, flags } = out;
  if (segment === 0) return send();
  for (let at = 0; at < length; at += segment) {
    const last = at + segment >= length;
    out.seq = (seq + at) | 0;
    out.from = from + at;
    out.length = Math.min(segment, length - at);
    out.flags = last ? flags : flags & ~(TH_FIN | TH_PUSH);
    send();
  }
}
/** A segment under way. */
export interface Wire {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Its packet may be marked, and is. */
  readonly ect: boolean;
  ce: boolean;
}
/** Give what has come, in order; how much. */
function read(c: Tcb, into: Uint8Array): number {
  const n = Math.min(into.length, c.receiving.size);
  c.receiving.copy(0, n, into, 0);
  c.receiving.drop(n);
  hasRead(c, n);
  return n;
}
interface Event {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

export class Host {
  readonly address: number;
  readonly engine: TcpEngine;
  readonly sim: Sim;
  listening = new Map<number, TcpListener>();
  /** Sees what goes out; false: it does not go. */
  filter: (w: Wire) => boolean = () => true;
  #alarm = Infinity;

  constructor(sim: Sim, address: number) {
    this.sim = sim;
    this.address = address;
    this.engine = new TcpEngine({
      now: () => sim.now,
      random: (into) => {
        for (let i = 0; i < into.length; i++) into[i] = sim.random() * 256;
      },
      alarm: (at) => {
        if (at >= this.#alarm) return;
        this.#alarm = at;
        sim.at(at, () => {
          if (this.#alarm > sim.now) return;
          this.#alarm = Infinity;
          this.engine.run();
        });
      },
      ...(sim.path.burst ? { burst: sim.path.burst } : {}),
      send: (to, out, ring) => {
        cutSegment(out, () => this.#carry(to, out, ring));
        return undefined;
      },
      mtu: () => sim.path.mtu ?? 1500,
      learned: (_remote, mtu) => void (sim.path = { ...sim.path, mtu }),
      listener: (to) => this.listening.get(to.port),
    });
  }
  #carry(to: Tuple, out: OutSegment, ring: Ring | undefined): void {
    const bytes = new Uint8Array(20 + out.optionLength + out.length);
    const view = viewOf(bytes);
    const data = out.write(view, bytes, 0, to.port, to.remotePort);
    if (ring) ring.copy(out.from, out.length, bytes, data);
    const w: Wire = { bytes, view, ect: out.ect, ce: false };
    if (this.filter(w)) this.sim.carry(this, w);
  }
  receive({ bytes, view, ce }: Wire): void {
    const s = this.engine.segment;
    if (!s.parse(bytes, view, 0, bytes.length)) return;
    s.ce = ce;
    const other = this.sim.other(this).address;
    const to: Tuple = { local: this.address, port: view.getUint16(2), remote: other, remotePort: view.getUint16(0) };
    this.engine.input(to, s);
  }
  /** Accept connections at a port. */
  listen(port: number, came: (end: End) => void, room = () => true): void {
    this.listening.set(port, {
      get hasRoom() {
        return room();
      },
      came(c) {
        const end = new End(c);
        c.user = end;
        came(end);
        return true;
      },
    });
  }
  connect(port: number, from = 50_000): End {
    const to: Tuple = { local: this.address, port: from, remote: this.sim.other(this).address, remotePort: port };
    const end = new End(undefined);
    end.c = this.engine.create(to, end);
    begin(end.c);
    return end;
  }
}

/** A user of a connection: sends what is given to it, keeps what comes. */
export class End implements TcpUser {
  c!: Tcb;
  opened = false;
  over = false;
  error: string | undefined;
  /** Data to be sent, and how much went. */
  outgoing: Uint8Array = new Uint8Array(0);
  sent = 0;
  received = 0;
  /** Called with what came. */
  check: (data: Uint8Array) => void = () => {};
  reading = true;
  ended: (() => void) | undefined;
  readonly #buffer = new Uint8Array(1 << 16);

  constructor(c: Tcb | undefined) {
    if (c) this.c = c;
  }
  connected(): void {
    this.opened = true;
  }
  readable(): void {
    if (!this.reading) return;
    for (let n = read(this.c, this.#buffer); n > 0; n = read(this.c, this.#buffer)) {
      this.check(this.#buffer.subarray(0, n));
      this.received += n;
    }
    if (this.c.finReceived && this.ended) {
      const { ended } = this;
      this.ended = undefined;
      ended();
    }
  }
  writable(): void {
    this.pump();
  }
  pump(): void {
    while (this.sent < this.outgoing.length) {
      const n = write(this.c, this.outgoing.subarray(this.sent));
      if (n === 0) return;
      this.sent += n;
    }
  }
  closed(error: { readonly name?: string; readonly message: string } | undefined): void {
    this.over = true;
    this.error = error?.message;
  }
}

export class Sim {
  now = 1_000_000;
  readonly random: () => number;
  path: Path;
  readonly a: Host;
  readonly b: Host;
  readonly #events: Event[] = [];
  #order = 0;
  readonly #free: [number, number] = [0, 0];
  carried = 0;

  constructor(seed: number, path: Path) {
    this.random = seeded(seed);
    this.path = path;
    this.a = new Host(this, 0x0a00_0001);
    this.b = new Host(this, 0x0a00_0002);
  }
  other(h: Host): Host {
    return h === this.a ? this.b : this.a;
  }
  at(at: number, fn: () => void): void {
    const e = { at: Math.max(at, this.now), order: this.#order++, fn };
    const heap = this.#events;
    let i = heap.push(e) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!earlier(e, heap[up]!)) break;
      heap[i] = heap[up]!;
      i = up;
    }
    heap[i] = e;
  }
  #next(): Event | undefined {
    const heap = this.#events;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++;
      if (!earlier(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
  /** Bring a segment to the other side, or not. */
  carry(from: Host, w: Wire): void {
    const { delay, rate, queue = Infinity, mark = Infinity, loss = 0, duplicate = 0, reorder = 0, jitter = 0 } =
      this.path;
    this.carried++;
    if (this.random() < loss) return;
    const side = from === this.a ? 0 : 1;
    const size = w.bytes.length + 20;
    let at = this.now;
    if (rate) {
      const starts = Math.max(this.now, this.#free[side]);
      if ((starts - this.now) * rate > queue) return;
      if (w.ect && (starts - this.now) * rate > mark) w.ce = true;
      at = this.#free[side] = starts + size / rate;
    }
    const late = this.random() < reorder ? this.random() * jitter : 0;
    this.at(at + delay + late, () => this.other(from).receive(w));
    if (this.random() < duplicate) this.at(at + delay + this.random() * jitter, () => this.other(from).receive(w));
  }
  /** Let time pass until `done`, or until `limit` milliseconds went by: false. */
  run(done: () => boolean, limit: number): boolean {
    const end = this.now + limit;
    while (!done()) {
      const next = this.#events[0];
      if (!next || next.at > end) {
        this.now = end;
        return done();
      }
      this.now = next.at;
      this.#next()!.fn();
    }
    return true;
  }
  /** Let milliseconds pass. */
  pass(ms: number): void {
    this.run(() => false, ms);
  }
}
const earlier = (a: Event, b: Event) => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Bytes one can tell the place of. */
export function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (i ^ (i >>> 8) * 31 ^ (i >>> 16) * 17) & 255;
  return bytes;
}
