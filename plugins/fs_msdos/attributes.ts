/** What of a file can be seen and set beside its data: owner and mode from the options, times, attributes as flags and by name. */
import type { Attr, MountRequest, SetAttr, Sys } from "../../src/plugin.ts";
import {
  changedDos,
  DOS_ATTRIB,
  dosAttrib,
  dosFlags,
  parseDosAttrib,
  withDosFlags,
} from "../../src/wire/dos_attributes.ts";
import { ATTR_ARCHIVE, ATTR_HIDDEN, ATTR_READ_ONLY, ATTR_SYSTEM } from "../../src/wire/fat.ts";
import type { Names } from "./names.ts";
import type { Node } from "./node.ts";
import type { MsdosOptions } from "./options.ts";
import { showShort } from "./short_names.ts";
import { fromDos, toDos, type Zone } from "./times.ts";

const SF_IMMUTABLE = 0x2_0000;
/** An extended attribute: the short name. */
const SHORT_NAME = "user.fat.shortname";

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
    return dosFlags(attr, isDir) | (this.isImmutable({ attr }) ? SF_IMMUTABLE : 0);
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
    if (change.flags !== undefined) node.attr = withDosFlags(node.attr, change.flags, node.isDir);
    if (change.atime !== undefined) node.adate = toDos(change.atime, 0, this.zone).date;
    if (change.mtime === undefined) return;
    const { date, time } = toDos(change.mtime, 0, this.zone);
    node.mdate = date;
    node.mtime = time;
    if (!node.isDir) node.attr |= ATTR_ARCHIVE;
  }
  /** The DOS attributes, all at once; EINVAL when the label's or the directory's would change. */
  setDos(node: Node, attr: number): void {
    const changed = changedDos(node.attr, attr);
    if (changed === undefined) throw this.#sys.errno.EINVAL;
    node.attr = changed;
  }

  /** Extended attributes of any file; undefined: there is none of that name. */
  get(node: Node, name: string): Uint8Array | undefined {
    if (name === DOS_ATTRIB) return dosAttrib(node.attr);
    if (name === SHORT_NAME && node.short !== "") return utf8.encode(showShort(node.short, 0, this.#names.page));
    return undefined;
  }
  /** False: no attribute of that name can be set. */
  put(node: Node, name: string, value: Uint8Array): boolean {
    if (name !== DOS_ATTRIB) return false;
    const attr = parseDosAttrib(value);
    if (attr === undefined) throw this.#sys.errno.EINVAL;
    this.setDos(node, attr);
    return true;
  }
  /** Names of those that say something a copy should keep. */
  list(node: Node): readonly string[] {
    return node.attr & (ATTR_HIDDEN | ATTR_SYSTEM) ? [DOS_ATTRIB] : [];
  }
}
const EXECUTABLE = /^(EXE|COM|BAT)$/;
