/** The routing socket of a rump kernel (route(4)). */
import { errno, SysError } from "../../abi/errno.ts";
import { AF_ROUTE, SOCK_RAW } from "../../abi/flags.ts";
import { buildMessage, RTM, RTM_VERSION, RtMsghdr } from "../../abi/route_structs.ts";
import { type RouteMessage, takeApart } from "../../abi/route_messages.ts";
import { viewOf } from "../../lib/struct.ts";
import { Failure } from "../cli.ts";
import { NO_NETWORK } from "./if_request.ts";
import { METRICS, type RouteRequest } from "./route_parse.ts";
import type { Tool } from "../tool.ts";

/** Who asks: answers are known by their number. */
const PID = 1;
const ANSWER = 4096;
/** Messages looked at for the answer to ours. */
const PATIENCE = 1000;

/** What a message says of a route. */
export type RouteAsk = Pick<RouteRequest, "flags" | "addresses" | "metrics" | "locks">;

/** A socket of PF_ROUTE: questions, answers, and news. */
export class RouteSocket {
  readonly #t: Tool;
  readonly fd: number;
  #seq = 0;

  constructor(t: Tool) {
    this.#t = t;
    this.fd = open(t);
  }
  /** Ask; errors are the kernel's. */
  ask(type: number, r: RouteAsk): number {
    const header = new Uint8Array(RtMsghdr.size);
    let [addrs, inits] = [0, 0];
    for (const bit of r.addresses.keys()) addrs |= bit;
    for (const metric of r.metrics.keys()) inits |= METRICS[metric];
    RtMsghdr.write(viewOf(header), 0, {
      version: RTM_VERSION,
      type,
      flags: r.flags,
      addrs,
      pid: PID,
      seq: ++this.#seq,
      inits,
      locks: r.locks,
      ...Object.fromEntries(r.metrics),
    });
    const buf = buildMessage(header, r.addresses);
    this.#t.sys.write({ fd: this.fd, buf });
    return this.#seq;
  }
  read(): Uint8Array {
    const buf = new Uint8Array(ANSWER);
    return buf.subarray(0, this.#t.sys.read({ fd: this.fd, buf }));
  }
  /** The answer to a question; others' messages pass by. */
  answer(seq: number): RouteMessage {
    for (let n = 0; n < PATIENCE; n++) {
      const message = takeApart(this.read());
      if (message?.header.type === RTM.GET && message.header.seq === seq) return message;
    }
    throw errno.EPROTO;
  }
}
/** What a server that has them may say; anything else: it has none. */
const reasons: ReadonlySet<unknown> = new Set([errno.EMFILE, errno.ENFILE, errno.EPERM, errno.EACCES]);
function open(t: Tool): number {
  try {
    return t.sys.socket({ domain: AF_ROUTE, type: SOCK_RAW, protocol: 0 });
  } catch (e) {
    if (!(e instanceof SysError) || reasons.has(e)) throw e;
    throw new Failure(`${t.name}: ${NO_NETWORK}`);
  }
}
