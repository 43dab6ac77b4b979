/** How far something long has come: one line on a terminal, rewritten; nothing elsewhere. */
import type { Host } from "../host/host.ts";
import { human } from "../lib/human.ts";

/** Milliseconds until it is first shown, and between two times. */
const FIRST_MS = 500;
const EVERY_MS = 200;

export class Progress {
  readonly #host: Host;
  readonly #total: number;
  readonly #show: ((text: string) => void) | undefined;
  readonly #began: number;
  #next: number;
  #done = 0;
  /** Of those, the bytes that cost time. */
  #moved = 0;

  /** `total`: bytes there are to do; `show`: as `shownOn` gives it. */
  constructor(host: Host, total: number, show = shownOn(host)) {
    this.#host = host;
    this.#total = total;
    this.#show = show;
    this.#began = host.now();
    this.#next = this.#began + FIRST_MS;
  }
  /** So many bytes more are done, `moved` of them not by knowing that they are zeros; what it is about, if that changes. */
  add(bytes: number, moved = bytes, what = ""): void {
    this.#done += bytes;
    this.#moved += moved;
    if (!this.#show || this.#host.now() < this.#next) return;
    this.#next = this.#host.now() + EVERY_MS;
    this.#show(`\r${this.#text()}${what && ` ${what.replace(/\p{C}/gu, "?").slice(-60)}`}\x1b[K`);
  }
  #text(): string {
    const seconds = (this.#host.now() - this.#began) / 1000;
    const percent = Math.floor((this.#done * 100) / Math.max(1, this.#total));
    const left = this.#done > 0 ? (seconds * (this.#total - this.#done)) / this.#done : 0;
    const rate = this.#moved / Math.max(seconds, 0.001);
    return `${percent}% ${human(this.#done)} of ${human(this.#total)}, ${human(rate)}B/s, ${clock(left)} left`;
  }
  end(): void {
    this.#show?.("\r\x1b[K");
  }
}
/** Where it is shown: on the terminal, also of who waits for us to go to the background; undefined: nowhere. A sandbox may not ask. */
export function shownOn(host: Host): ((text: string) => void) | undefined {
  if (host.daemon) return (text) => host.daemon!.show(text);
  return host.isTerminal(2) ? (text) => host.err(text) : undefined;
}
/** Seconds as 0:07, 12:34, 1:02:03. */
function clock(seconds: number): string {
  const all = Math.ceil(Math.min(seconds, 359_999));
  const two = (n: number) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}
