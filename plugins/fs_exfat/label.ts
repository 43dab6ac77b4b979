/** The volume's label, an entry of the root (7.3), and its serial number. */
import { viewOf } from "../../src/lib/struct.ts";
import type { Errnos } from "../../src/plugin.ts";
import { ENTRY, LABEL } from "./entries.ts";
import type { Folders } from "./folders.ts";
import type { Node } from "./node.ts";

/** Units a label may have. */
const LONGEST = 11;
/** Extended attributes of the root, the same as FAT's. */
const [TEXT, SERIAL] = ["user.fat.label", "user.fat.volumeid"];

export class Label {
  readonly serial: number;
  readonly #folders: Folders;
  readonly #root: Node;
  readonly #errno: Errnos;
  readonly #dirty: () => void;

  constructor(serial: number, folders: Folders, root: Node, errnos: Errnos, dirty: () => void) {
    this.serial = serial;
    this.#folders = folders;
    this.#root = root;
    this.#errno = errnos;
    this.#dirty = dirty;
  }
  /** "" when there is none. */
  get text(): string {
    const slot = this.#folders.of(this.#root).specials.label;
    if (slot === undefined) return "";
    const [sector, at] = this.#folders.at(this.#root, slot, false);
    if (sector[at] !== LABEL) return "";
    const d = viewOf(sector);
    const length = Math.min(LONGEST, sector[at + 1]!);
    return String.fromCharCode(...Array.from({ length }, (_, i) => d.getUint16(at + 2 + i * 2, true)));
  }
  /** EINVAL: too long; ENOSPC: the root is full. */
  set(text: string): void {
    if (text.length > LONGEST || text.includes("\0")) throw this.#errno.EINVAL;
    this.#dirty();
    const { specials } = this.#folders.of(this.#root);
    const slot = specials.label ?? this.#folders.spare(this.#root);
    if (slot === undefined) throw this.#errno.ENOSPC;
    specials.label = slot;
    const [sector, at] = this.#folders.at(this.#root, slot, true);
    const d = viewOf(sector);
    sector.fill(0, at, at + ENTRY);
    sector[at] = LABEL;
    sector[at + 1] = text.length;
    for (let i = 0; i < text.length; i++) d.setUint16(at + 2 + i * 2, text.charCodeAt(i), true);
  }
  /** As extended attributes of the root. */
  get(name: string): Uint8Array | undefined {
    const utf8 = new TextEncoder();
    if (name === TEXT) return utf8.encode(this.text);
    if (name === SERIAL) return utf8.encode(this.serial.toString(16).padStart(8, "0"));
    return undefined;
  }
  /** False: it is none of these, or cannot be set. */
  put(name: string, value: Uint8Array): boolean {
    if (name !== TEXT) return false;
    this.set(new TextDecoder().decode(value).replace(/\0$/, ""));
    return true;
  }
}
