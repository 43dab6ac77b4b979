/** The volume's label, its entry in the root and its copy in the boot sector, and its serial number. */
import { viewOf } from "../../src/lib/struct.ts";
import { ATTR_LONG, ATTR_VOLUME, Bpb, Bpb32, Dirent, FREE } from "../../src/wire/fat.ts";
import type { CodePage } from "./codepage.ts";
import type { Slots } from "./dir.ts";
import type { Store } from "./store.ts";
import { finished } from "../../src/lib/finished.ts";
import type { DosTime } from "./times.ts";

/** Extended attributes of the root. */
const LABEL = "user.fat.label";
const SERIAL = "user.fat.volumeid";
const NO_NAME = "NO NAME    ";
/** What may not stand in a label. */
// deno-lint-ignore no-control-regex -- control characters are among it
const WRONG = /[\x00-\x1f"*+,./:;<=>?[\\\]|]/;
/** From the state byte: the extended signature, then serial and label. */
const [SIGNATURE, SERIAL_AT, LABEL_AT] = [1, 2, 6];

/** What the label needs of its volume. */
export interface LabelOwner {
  /** The root's slots, and one of them that is free; undefined: it is full. */
  slots(): Slots;
  room(): number | undefined;
  dirty(): void;
  now(): DosTime;
}

export class Label {
  readonly #store: Store;
  readonly #page: CodePage;
  readonly #owner: LabelOwner;

  constructor(store: Store, page: CodePage, owner: LabelOwner) {
    this.#store = store;
    this.#page = page;
    this.#owner = owner;
  }
  /** "" when there is none. */
  get text(): string {
    const at = this.#find();
    const raw = at === undefined ? "" : this.#name(at).replace(/ +$/, "");
    return this.#page.decode(raw.startsWith("\x05") ? `\xe5${raw.slice(1)}` : raw);
  }
  get serial(): number {
    const { stateByte, hasState } = this.#store.g;
    return hasState ? viewOf(this.#boot(0)).getUint32(stateByte + SERIAL_AT, true) : 0;
  }
  /** EINVAL: too long, or nothing a label may be; ENOSPC: the root is full. */
  set(text: string): void {
    const { EINVAL, ENOSPC } = this.#store.errno;
    const name = this.#encode(text);
    if (name === undefined || name.length > 11) throw EINVAL;
    this.#owner.dirty();
    const at = this.#find() ?? (name === "" ? undefined : this.#owner.room());
    if (at === undefined && name !== "") throw ENOSPC;
    if (at !== undefined) this.#write(at, name.padEnd(11));
    this.#writeBoot(name === "" ? NO_NAME : name.padEnd(11));
  }
  #encode(text: string): string | undefined {
    if (WRONG.test(text)) return undefined;
    let name = "";
    for (const c of text.replace(/ +$/, "").toUpperCase()) {
      const bytes = this.#page.encode(c);
      if (bytes === undefined) return undefined;
      name += bytes;
    }
    return name.startsWith("\xe5") ? `\x05${name.slice(1)}` : name;
  }

  /** As extended attributes of the root. */
  get(name: string): Uint8Array | undefined {
    const utf8 = new TextEncoder();
    if (name === LABEL) return utf8.encode(this.text);
    if (name === SERIAL) return utf8.encode(this.serial.toString(16).padStart(8, "0"));
    return undefined;
  }
  /** False: it is none of these, or cannot be set. */
  put(name: string, value: Uint8Array): boolean {
    if (name !== LABEL) return false;
    this.set(new TextDecoder().decode(value).replace(/\0$/, ""));
    return true;
  }

  #find(): number | undefined {
    const slots = this.#owner.slots();
    for (let slot = 0; slot < slots.capacity; slot++) {
      const [bytes, at] = slots.read(slot);
      if (bytes[at] === 0) return undefined;
      const attr = bytes[at + 11]! & 0x3f;
      if (bytes[at] !== FREE && attr & ATTR_VOLUME && attr !== ATTR_LONG) return slot;
    }
    return undefined;
  }
  #name(slot: number): string {
    const [bytes, at] = this.#owner.slots().read(slot);
    return String.fromCharCode(...bytes.subarray(at, at + 11));
  }
  #write(slot: number, name: string): void {
    const [bytes, at] = this.#owner.slots().change(slot);
    bytes.fill(0, at, at + 32);
    if (name.trim() === "") {
      bytes[at] = FREE;
      return;
    }
    for (let i = 0; i < 11; i++) bytes[at + i] = name.charCodeAt(i);
    const { date, time } = this.#owner.now();
    bytes[at + 11] = ATTR_VOLUME;
    Dirent.set.mdate(viewOf(bytes), at, date);
    Dirent.set.mtime(viewOf(bytes), at, time);
  }
  #boot(position: number): Uint8Array {
    const boot = new Uint8Array(this.#store.g.sectorSize);
    finished(this.#store.device.read(boot, position), this.#store.errno);
    return boot;
  }
  #writeBoot(name: string): void {
    const { hasState, bits, sectorSize, fatStart } = this.#store.g;
    if (!hasState) return;
    const backup = bits === 32 ? Bpb32.get.backup(viewOf(this.#boot(0)), Bpb.size) * sectorSize : 0;
    this.#writeBootAt(0, name);
    if (backup > 0 && backup + sectorSize <= fatStart) this.#writeBootAt(backup, name);
  }
  #writeBootAt(position: number, name: string): void {
    const { stateByte } = this.#store.g;
    const boot = this.#boot(position);
    if (boot[stateByte + SIGNATURE] !== 0x29) return;
    for (let i = 0; i < 11; i++) boot[stateByte + LABEL_AT + i] = name.charCodeAt(i);
    finished(this.#store.device.write!(boot, position), this.#store.errno);
  }
}
