/** Damage found on a volume: a line for each, and what becomes of the mount (`errors=`). */
import type { Sys } from "../plugin.ts";

/** Lines a mount writes about its damage; the rest is counted. */
const MOST = 100;

export class Health {
  /** Nothing is changed any more. */
  readOnly = false;
  readonly #sys: Sys;
  readonly #who: string;
  readonly #stops: boolean;
  #lines = 0;
  readonly #said = new Set<string>();

  /** `who`: the driver and the device, for the lines. `stops`: the first damage makes the mount read-only. */
  constructor(sys: Sys, who: string, stops: boolean) {
    this.#sys = sys;
    this.#who = who;
    this.#stops = stops;
  }
  say(text: string): void {
    this.#sys.log(`${this.#who}: ${text}`);
  }
  /** Something is wrong there. Said once. */
  found(text: string): void {
    if (this.#stops && !this.readOnly) {
      this.readOnly = true;
      this.say("damage found: read-only from now on");
    }
    if (this.#lines > MOST || this.#said.has(text)) return;
    this.#said.add(text);
    this.say(++this.#lines > MOST ? "more damage than is listed here" : text);
  }
}
