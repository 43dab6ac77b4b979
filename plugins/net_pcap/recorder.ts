/** Frames into a file of the host, until it cannot be: the interface goes on without. */
import type { Between } from "../../src/lib/net_wrapper.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { GrowingFile, Sys } from "../../src/plugin.ts";
import { type Captured, pcapng, SECTION } from "../../src/wire/pcapng.ts";
import type { Recorded } from "./options.ts";

const ETHERNET = 1;
/** The longest frame there can be, and more: none is cut. */
const SNAP = 262_144;
const format = pcapng("rump pcap interface");
const reasonOf = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** See the head of this file. A file that is there gets a section more. */
export class Recorder implements Between {
  readonly #sys: Sys;
  /** Interface and file, for messages. */
  readonly #about: string;
  readonly #limit: number;
  #file: GrowingFile | undefined;

  /** EFTYPE: the file is something else; other errors of the host. The log tells. */
  constructor(sys: Sys, name: string, { file, size }: Recorded) {
    this.#sys = sys;
    this.#about = `${name}: ${file}`;
    this.#limit = size;
    try {
      this.#file = sys.growingFile(file);
      this.#begin(this.#file, name);
    } catch (e) {
      this.close();
      sys.log(`${this.#about}: ${reasonOf(e)}`);
      throw e;
    }
  }
  #begin(file: GrowingFile, name: string): void {
    const head = file.head(4);
    if (file.size > 0 && (head.length < 4 || viewOf(head).getUint32(0, true) !== SECTION)) throw this.#sys.errno.EFTYPE;
    const [section, iface] = [format.begin(), format.interface(ETHERNET, name, SNAP)];
    const both = new Uint8Array(section.length + iface.length);
    both.set(section);
    both.set(iface, section.length);
    this.#append(both);
  }
  send(frame: Uint8Array, deliver: (frame: Uint8Array) => void): void {
    this.#record(frame, "out");
    deliver(frame);
  }
  came(frame: Uint8Array): void {
    this.#record(frame, "in");
  }
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
  #record(frame: Uint8Array, direction: Captured["direction"] & string): void {
    if (!this.#file) return;
    const time = Math.floor(this.#sys.now() * 1000);
    const packet = { time, kept: frame.subarray(0, SNAP), length: frame.length, direction };
    try {
      this.#append(format.packet(0, packet));
    } catch (e) {
      this.#end(reasonOf(e));
    }
  }
  #append(block: Uint8Array): void {
    const file = this.#file!;
    if (file.size + block.length > this.#limit) return this.#end(`the ${this.#limit} bytes it may have are full`);
    file.append(block);
  }
  #end(why: string): void {
    this.close();
    this.#sys.log(`${this.#about}: ${why}: frames are not written any more`);
  }
}
