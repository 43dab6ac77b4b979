/** A recorded session of a C client, played to our server: its memory is the recording's. */
import { viewOf } from "../../src/lib/struct.ts";
import { Class, type SpFrame, spFrame, Type } from "../../src/proxy/sysproxy.ts";
import type { CClient } from "./c_client.ts";

/** Number, argument slots, memory by address (hex; a number: so many zeros), places written with their lengths, error, result. */
export type WireCall = readonly [
  nr: number,
  slots: readonly string[],
  memory: Readonly<Record<string, string | number>>,
  stored: readonly (readonly [address: string, length: number])[],
  error: number,
  result: number,
];
const SYSCTL = 202;
const WRITE = 4;
const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (x) => parseInt(x, 16));

/** Places as ranges of bytes, neighbours put together: in how many pieces they are stored is the server's business. */
export function ranges(places: readonly (readonly [string, number])[]): string[] {
  const sorted = places.map(([at, n]) => [Number(at), n] as [number, number]).sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [at, n] of sorted) {
    const last = merged.at(-1);
    if (last && last[0] + last[1] === at) last[1] += n;
    else merged.push([at, n]);
  }
  return merged.map(([at, n]) => `${at.toString(16)}+${n}`);
}
/** sysctl's nodes are those of the kernel that is asked: how many there are, and whether they fit, is its own. */
export const isList = ([nr, slots, memory]: WireCall) => nr === SYSCTL && /feffffff$/.test(String(memory[slots[0]!]));

export class Replay {
  readonly c: CClient;
  #memory: WireCall[2] = {};
  #writes = false;
  /** What the server stored, and addresses it asked for that the recording has no word of. */
  stored: [string, number][] = [];
  strange: string[] = [];

  constructor(c: CClient) {
    this.c = c;
    c.answer = (frame) => this.#answer(frame);
  }
  #answer(frame: SpFrame): boolean {
    const d = viewOf(frame.body);
    const [length, address] = [Number(d.getBigUint64(0, true)), `0x${d.getBigUint64(8, true).toString(16)}`];
    if (frame.type === Type.COPYOUT) {
      this.stored.push([address, length]);
      return true;
    }
    const known = this.#memory[address];
    // NetBSD's /dev/null does not even look at what is written.
    if (known === undefined && !this.#writes) this.strange.push(address);
    const bytes = typeof known === "string" ? hex(known) : new Uint8Array(length);
    const body = frame.type === Type.COPYINSTR ? bytes : bytes.subarray(0, length);
    this.c.send(spFrame(Class.RESP, Type.COPYIN, frame.reqno, 0, body));
    return true;
  }
  async call([nr, slots, memory]: WireCall) {
    this.#memory = memory;
    this.#writes = nr === WRITE;
    this.stored = [];
    this.strange = [];
    return await this.c.syscall(nr, ...slots.map(BigInt));
  }
}
