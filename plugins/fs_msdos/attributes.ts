/** What of a file can be seen and set beside its data: owner and mode from the options, times, attributes as flags and by name. */
import type { Attr, MountRequest, SetAttr, Sys } from "../../src/plugin.ts";
import { ATTR_ARCHIVE, ATTR_HIDDEN, ATTR_READ_ONLY, ATTR_SYSTEM } from "../../src/wire/fat.ts";
import type { Names } from "./names.ts";
import type { Node } from "./node.ts";
import type { MsdosOptions } from "./options.ts";
import { showShort } from "./short_names.ts";
import { fromDos, toDos, type Zone } from "./times.ts";

/** chflags(2): set where the archive attribute is not (NetBSD); FreeBSD's for the others. More are ignored, as NetBSD does. */
export const SF_ARCHIVED = 0x1_0000;
const SF_IMMUTABLE = 0x2_0000;
export const UF_SYSTEM = 0x80;
export const UF_READONLY = 0x1000;
export const UF_HIDDEN = 0x8000;
/** Extended attributes: the DOS attributes as Samba and Wine keep them ("0x22"), the short name. */
const DOS_ATTRIB = "user.DOSATTRIB";
const SHORT_NAME = "user.fat.shortname";
const CHANGEABLE = ATTR_READ_ONLY | ATTR_HIDDEN | ATTR_SYSTEM | ATTR_ARCHIVE;

const utf8 = new TextEncoder();

export class Attributes {
  readonly #sys: Sys;
  readonly #names: Names;
  readonly #clusterSize: number;
  #request: MountRequest<MsdosOptions>;

  constructor(sys: Sys, names: Names, clusterSize: number, request: MountRequest<MsdosOptions>) {
    this.#sys = sys;
    this.#names = names;
    this.#clusterSize = clusterSize;
    this.#request = request;
  }
  /** mount -u: owner, masks and zone may be others now. */
  update(options: MsdosOptions): void {
    this.#request = { ...this.#request, options };
  }
  get #options(): MsdosOptions {
    return this.#request.options;
  }
  get zone(): Zone {
    return this.#options.gmtoff ?? this.#options.tz;
  }
  get #uid(): number {
    return this.#options.uid ?? this.#request.over.uid;
  }
  get #gid(): number {
    return this.#options.gid ?? this.#request.over.gid;
  }
  /** -m and -M: each given alone also sets the other. */
  #mode({ isDir, attr, short }: Node): number {
    const { mask, dirmask, rodir, showexec } = this.#options;
    const all = (isDir ? dirmask ?? mask : mask ?? dirmask) ?? this.#request.over.mode & 0o777;
    // On directories the attribute means something else to Windows.
    const some = attr & ATTR_READ_ONLY && (!isDir || rodir) ? all & 0o555 : all;
    return showexec && !isDir && !EXECUTABLE.test(short.slice(8)) ? some & 0o666 : some;
  }
  #flags({ isDir, attr }: Node): number {
    return (isDir || attr & ATTR_ARCHIVE ? 0 : SF_ARCHIVED) | (attr & ATTR_HIDDEN ? UF_HIDDEN : 0) |
      (attr & ATTR_READ_ONLY ? UF_READONLY : 0) | (attr & ATTR_SYSTEM ? UF_SYSTEM : 0) |
      (this.isImmutable({ attr }) ? SF_IMMUTABLE : 0);
  }
  /** `sys_immutable`: the system attribute forbids every change. */
  isImmutable({ attr }: Pick<Node, "attr">): boolean {
    return this.#options.sys_immutable && (attr & ATTR_SYSTEM) !== 0;
  }

  /** A node as stat(2) shows it; `size` of directories is what their chain has. */
  describe(node: Node, size: number): Attr {
    const { zone } = this;
    const [mtime, mtimensec] = fromDos(node.mdate, node.mtime, 0, zone);
    const [atime] = this.#names.long && node.adate ? fromDos(node.adate, 0, 0, zone) : [mtime];
    const created = this.#names.long && node.cdate !== 0;
    const [born, bornNsec] = created ? fromDos(node.cdate, node.ctime, node.ctimeTenth, zone) : [mtime, mtimensec];
    return {
      ino: node.ino,
      type: node.isDir ? "dir" : "file",
      size,
      mode: this.#mode(node),
      nlink: 1,
      uid: this.#uid,
      gid: this.#gid,
      allocated: Math.ceil(size / this.#clusterSize) * this.#clusterSize,
      blockSize: this.#clusterSize,
      atime,
      mtime,
      mtimensec,
      // What make and rsync go by must not stand still while the data changes: the later of both.
      ctime: Math.max(born, mtime),
      ctimensec: born > mtime ? bornNsec : mtimensec,
      birthtime: born,
      birthtimensec: bornNsec,
      flags: this.#flags(node),
    };
  }

  /** EINVAL for another owner, unless `quiet`; before anything is changed. */
  check(change: SetAttr): void {
    const isOther = (change.uid ?? this.#uid) !== this.#uid || (change.gid ?? this.#gid) !== this.#gid;
    if (isOther && !this.#options.quiet) throw this.#sys.errno.EINVAL;
  }
  /** All of a change but its size. */
  set(node: Node, change: SetAttr): void {
    if (change.mode !== undefined && (!node.isDir || this.#options.rodir)) {
      node.attr = change.mode & 0o200 ? node.attr & ~ATTR_READ_ONLY : node.attr | ATTR_READ_ONLY;
    }
    if (change.flags !== undefined) this.#setFlags(node, change.flags);
    if (change.atime !== undefined) node.adate = toDos(change.atime, 0, this.zone).date;
    if (change.mtime === undefined) return;
    const { date, time } = toDos(change.mtime, 0, this.zone);
    node.mdate = date;
    node.mtime = time;
    if (!node.isDir) node.attr |= ATTR_ARCHIVE;
  }
  #setFlags(node: Node, flags: number): void {
    const kept = node.attr & ~(ATTR_HIDDEN | ATTR_SYSTEM | ATTR_READ_ONLY | (node.isDir ? 0 : ATTR_ARCHIVE));
    node.attr = kept | (flags & UF_HIDDEN ? ATTR_HIDDEN : 0) | (flags & UF_SYSTEM ? ATTR_SYSTEM : 0) |
      (flags & UF_READONLY ? ATTR_READ_ONLY : 0) | (node.isDir || flags & SF_ARCHIVED ? 0 : ATTR_ARCHIVE);
  }
  /** The DOS attributes, all at once; EINVAL when the label's or the directory's would change. */
  setDos(node: Node, attr: number): void {
    if ((attr ^ node.attr) & ~CHANGEABLE) throw this.#sys.errno.EINVAL;
    node.attr = attr;
  }

  /** Extended attributes of any file; undefined: there is none of that name. */
  get(node: Node, name: string): Uint8Array | undefined {
    if (name === DOS_ATTRIB) return utf8.encode(`0x${node.attr.toString(16)}`);
    if (name === SHORT_NAME && node.short !== "") return utf8.encode(showShort(node.short, 0, this.#names.page));
    return undefined;
  }
  /** False: no attribute of that name can be set. */
  put(node: Node, name: string, value: Uint8Array): boolean {
    if (name !== DOS_ATTRIB) return false;
    const text = new TextDecoder().decode(value).replace(/\0$/, "");
    if (!/^0x[0-9a-f]{1,2}$/i.test(text)) throw this.#sys.errno.EINVAL;
    this.setDos(node, parseInt(text, 16));
    return true;
  }
  /** Names of those that say something a copy should keep. */
  list(node: Node): readonly string[] {
    return node.attr & (ATTR_HIDDEN | ATTR_SYSTEM) ? [DOS_ATTRIB] : [];
  }
}
const EXECUTABLE = /^(EXE|COM|BAT)$/;
