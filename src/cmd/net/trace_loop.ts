/** The loop of traceroute and traceroute6: probes of one hop after the other, and a line for each. */
import { errno, SysError } from "../../abi/errno.ts";
import type { Arrived, ProbeSocket } from "./probe_socket.ts";
import { numberOption } from "./probe_options.ts";
import type { Tool } from "../tool.ts";

export interface TraceOptions {
  readonly first: number;
  readonly last: number;
  /** Of each hop. */
  readonly probes: number;
  /** For an answer, milliseconds. */
  readonly patience: number;
  /** Between two probes, milliseconds. */
  readonly pause: number;
}
/** Who answered a probe, and how. */
export interface Answer {
  /** As it is shown. */
  readonly from: string;
  /** What is shown behind the time: ` !N` or nothing. */
  readonly mark: string;
  /** Behind the last of a hop. */
  readonly more?: string;
  /** It was too large: a line that says so. The probe goes again, smaller. */
  readonly tooLarge?: string;
  /** It was the host itself; or nobody farther will be reached. */
  readonly end: "there" | "unreachable" | undefined;
}
/** What a family's traceroute makes of packets. */
export interface Tracer {
  /** What hears the answers. */
  readonly socket: ProbeSocket;
  /** Send a probe; when, milliseconds of the kernel's clock. What is to be said of it has a line (`aside`). */
  probe(ttl: number, seq: number, aside: (line: string) => void): Promise<number>;
  /** The answer to a probe; undefined: it is something else. */
  read(a: Arrived, seq: number): Answer | undefined;
}
/** Throws Failure for numbers that are none. */
export function traceOptions(t: Tool): TraceOptions {
  const last = numberOption(t, "m", 64, { least: 1, most: 255 });
  return {
    first: numberOption(t, "f", 1, { least: 1, most: last }),
    last,
    probes: numberOption(t, "q", 3, { least: 1, most: 1000 }),
    patience: numberOption(t, "w", 5, { least: 0.001, most: 86_400, parts: true }) * 1000,
    pause: numberOption(t, "z", 0, { least: 0, most: 3_600_000 }),
  };
}

/** Trace until the host answers, or nothing behind some hop can be reached. */
export async function trace(t: Tool, tracer: Tracer, o: TraceOptions): Promise<void> {
  let seq = 0;
  for (let ttl = o.first; ttl <= o.last; ttl++) {
    const hop = new Hop(t, ttl);
    for (let i = 1; i <= o.probes; i++) {
      if (seq > 0 && o.pause > 0) await new Promise((resolve) => setTimeout(resolve, o.pause));
      hop.show(await one(t, tracer, hop, ++seq, o.patience), i === o.probes);
    }
    hop.end();
    const isOver = hop.unreachable > 0 && hop.unreachable >= Math.floor((o.probes + 1) / 2);
    // What cannot be sent will not be at the next hop.
    if (hop.unsent === o.probes || hop.there || isOver) return;
  }
}
type Result = Answer & { readonly ms: number };
/** One probe; undefined: no answer came; or why it was not sent. */
async function one(
  t: Tool,
  tracer: Tracer,
  hop: Hop,
  seq: number,
  patience: number,
): Promise<Result | SysError | undefined> {
  for (;;) {
    const until = t.host.now() + patience;
    let sent: number;
    try {
      sent = await tracer.probe(hop.ttl, seq, (line) => hop.aside(line));
    } catch (e) {
      if (!(e instanceof SysError) || e === errno.ECONNRESET) throw e; // the server is gone
      return e;
    } finally {
      hop.begin();
    }
    const got = await answerTo(t, tracer, seq, until);
    if (got?.answer.tooLarge === undefined) return got && { ...got.answer, ms: got.time - sent };
    hop.aside(got.answer.tooLarge);
  }
}
async function answerTo(t: Tool, tracer: Tracer, seq: number, until: number) {
  for (;;) {
    const arrived = await tracer.socket.next(until - t.host.now());
    if (!arrived) return undefined;
    const answer = tracer.read(arrived, seq);
    if (answer) return { answer, time: arrived.time };
  }
}
class Hop {
  readonly #t: Tool;
  readonly ttl: number;
  #from: string | undefined;
  /** Its line has begun. */
  #begun = false;
  there = false;
  unreachable = 0;
  unsent = 0;
  #why: SysError | undefined;

  constructor(t: Tool, ttl: number) {
    this.#t = t;
    this.ttl = ttl;
  }
  begin(): void {
    if (!this.#begun) this.#t.out(`${String(this.ttl).padStart(2)} `);
    this.#begun = true;
  }
  /** A line to itself; the hop's begins again. */
  aside(line: string): void {
    this.#t.out(`${this.#begun ? "\n" : ""}${line}\n`);
    this.#begun = false;
    this.#from = undefined;
  }
  show(result: Result | SysError | undefined, isLast: boolean): void {
    if (result instanceof SysError) {
      this.#why = result;
      this.unsent++;
    }
    if (!result || result instanceof SysError) return this.#t.out(" *");
    const { from, ms, mark, end, more = "" } = result;
    // Another one than for the probe before has a line to itself.
    if (from !== this.#from) this.#t.out(`${this.#from === undefined ? "" : "\n   "} ${from}`);
    this.#from = from;
    this.#t.out(`  ${ms.toFixed(3)} ms${mark}${isLast ? more : ""}`);
    if (end === "there") this.there = true;
    else if (end) this.unreachable++;
  }
  /** The line is whole. */
  end(): void {
    this.#t.out("\n");
    if (this.#why) this.#t.complain(`sendto: ${this.#why.message}`);
  }
}
