/** The loop of traceroute and traceroute6: probes of one hop after the other, and a line for each. */
import { errno, SysError } from "../abi/errno.ts";
import type { Arrived, ProbeSocket } from "./probe_socket.ts";
import { numberOption } from "./probe_options.ts";
import type { Tool } from "./tool.ts";

export interface TraceOptions {
  readonly first: number;
  readonly last: number;
  /** Of each hop. */
  readonly probes: number;
  /** For an answer, milliseconds. */
  readonly patience: number;
}
/** Who answered a probe, and how. */
export interface Answer {
  /** As it is shown. */
  readonly from: string;
  /** What is shown behind the time: ` !N` or nothing. */
  readonly mark: string;
  /** It was the host itself; or nobody farther will be reached. */
  readonly end: "there" | "unreachable" | undefined;
}
/** What a family's traceroute makes of packets. */
export interface Tracer {
  /** What hears the answers. */
  readonly socket: ProbeSocket;
  /** Send a probe; when, milliseconds of the kernel's clock. */
  probe(ttl: number, seq: number): Promise<number>;
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
  };
}

/** Trace until the host answers, or nothing behind some hop can be reached. */
export async function trace(t: Tool, tracer: Tracer, o: TraceOptions): Promise<void> {
  let seq = 0;
  for (let ttl = o.first; ttl <= o.last; ttl++) {
    t.out(`${String(ttl).padStart(2)} `);
    const hop = new Hop(t);
    for (let i = 0; i < o.probes; i++) hop.show(await one(t, tracer, ttl, ++seq, o.patience));
    hop.end();
    // What cannot be sent will not be at the next hop.
    if (hop.unsent === o.probes || hop.there || (hop.unreachable > 0 && hop.unreachable >= o.probes - 1)) return;
  }
}
type Result = Answer & { readonly ms: number };
/** One probe; undefined: no answer came; or why it was not sent. */
async function one(
  t: Tool,
  tracer: Tracer,
  ttl: number,
  seq: number,
  patience: number,
): Promise<Result | SysError | undefined> {
  const until = t.host.now() + patience;
  let sent: number;
  try {
    sent = await tracer.probe(ttl, seq);
  } catch (e) {
    if (!(e instanceof SysError) || e === errno.ECONNRESET) throw e; // the server is gone
    return e;
  }
  for (;;) {
    const arrived = await tracer.socket.next(until - t.host.now());
    if (!arrived) return undefined;
    const answer = tracer.read(arrived, seq);
    if (answer) return { ...answer, ms: arrived.time - sent };
  }
}
class Hop {
  readonly #t: Tool;
  #from: string | undefined;
  there = false;
  unreachable = 0;
  unsent = 0;
  #why: SysError | undefined;

  constructor(t: Tool) {
    this.#t = t;
  }
  show(result: Result | SysError | undefined): void {
    if (result instanceof SysError) {
      this.#why = result;
      this.unsent++;
    }
    if (!result || result instanceof SysError) return this.#t.out(" *");
    const { from, ms, mark, end } = result;
    // Another one than for the probe before has a line to itself.
    if (from !== this.#from) this.#t.out(`${this.#from === undefined ? "" : "\n   "} ${from}`);
    this.#from = from;
    this.#t.out(`  ${ms.toFixed(3)} ms${mark}`);
    if (end === "there") this.there = true;
    else if (end) this.unreachable++;
  }
  /** The line is whole. */
  end(): void {
    this.#t.out("\n");
    if (this.#why) this.#t.complain(`sendto: ${this.#why.message}`);
  }
}
