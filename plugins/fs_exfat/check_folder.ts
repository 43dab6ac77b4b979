/** A directory as a check sees it: its bytes, and where they are. */
import { viewOf } from "../../src/lib/struct.ts";
import type { State } from "./check_state.ts";
import type { Run } from "./clusters.ts";
import { ENTRY, IN_USE, sealSet } from "./entries.ts";

export class Folder {
  readonly path: string;
  readonly depth: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #state: State;
  readonly #runs: readonly Run[];
  #changed = false;

  constructor(state: State, runs: readonly Run[], size: number, path: string, depth: number) {
    this.#state = state;
    this.#runs = runs;
    this.path = path;
    this.depth = depth;
    this.bytes = state.bytes(runs, size);
    this.view = viewOf(this.bytes);
  }
  /** Entries from a byte on are not used any more. */
  drop(at: number, count: number): void {
    for (let i = 0; i < count; i++) this.bytes[at + i * ENTRY]! &= ~IN_USE;
    this.#changed = true;
  }
  /** The set at a byte was changed. */
  seal(at: number): void {
    sealSet(this.bytes.subarray(at, at + (this.bytes[at + 1]! + 1) * ENTRY));
    this.#changed = true;
  }
  save(): void {
    if (!this.#changed) return;
    this.#state.put(this.#runs, this.bytes);
    this.#changed = false;
  }
}
