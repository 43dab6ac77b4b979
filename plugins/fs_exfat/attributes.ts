/** What of a file can be seen and set beside its data: owner and mode from the options, times, attributes. */
import type { Attr, Errnos, MountRequest, SetAttr } from "../../src/plugin.ts";
import { changedDos, dosFlags, withDosFlags } from "../../src/wire/dos_attributes.ts";
import { ATTR_ARCHIVE, ATTR_READ_ONLY } from "../../src/wire/fat.ts";
import { FileEntry } from "./entries.ts";
import type { Node } from "./node.ts";
import type { ExfatOptions } from "./options.ts";
import { fromStamp, toStamp, UTC } from "./times.ts";

export class Attributes {
  readonly #errno: Errnos;
  readonly #clusterSize: number;
  #request: MountRequest<ExfatOptions>;

  constructor(errnos: Errnos, clusterSize: number, request: MountRequest<ExfatOptions>) {
    this.#errno = errnos;
    this.#clusterSize = clusterSize;
    this.#request = request;
  }
  /** mount -u */
  update(options: ExfatOptions): void {
    this.#request = { ...this.#request, options };
  }
  get options(): ExfatOptions {
    return this.#request.options;
  }
  get #uid(): number {
    return this.options.uid ?? this.#request.over.uid;
  }
  get #gid(): number {
    return this.options.gid ?? this.#request.over.gid;
  }
  #mode({ isDir, attributes }: Node): number {
    const { umask = 0o022, fmask = umask, dmask = umask } = this.options;
    const all = 0o777 & ~(isDir ? dmask : fmask);
    // On directories the attribute means something else to Windows.
    return attributes & ATTR_READ_ONLY && !isDir ? all & 0o555 : all;
  }
  /** A node as stat(2) shows it; `size` of directories is what their clusters have. */
  describe(node: Node, size: number, hasTimes: boolean): Attr {
    const clusterSize = this.#clusterSize;
    return {
      ino: node.ino,
      type: node.isDir ? "dir" : "file",
      size,
      mode: this.#mode(node),
      nlink: 1,
      uid: this.#uid,
      gid: this.#gid,
      allocated: Math.ceil(size / clusterSize) * clusterSize,
      blockSize: clusterSize,
      flags: dosFlags(node.attributes, node.isDir),
      ...hasTimes && this.#times(node),
    };
  }
  #times({ view: d, at }: Node): Partial<Attr> {
    const { get } = FileEntry;
    const { gmtoff } = this.options;
    const [mtime, mtimensec] = fromStamp(get.mtime(d, at), get.mtimeHundredths(d, at), get.mtimeZone(d, at), gmtoff);
    const [born, bornNsec] = fromStamp(get.birth(d, at), get.birthHundredths(d, at), get.birthZone(d, at), gmtoff);
    const [atime] = fromStamp(get.atime(d, at), 0, get.atimeZone(d, at), gmtoff);
    // What make and rsync go by must not stand still while the data changes: the later of both.
    const isLate = born > mtime || (born === mtime && bornNsec > mtimensec);
    const [ctime, ctimensec] = isLate ? [born, bornNsec] : [mtime, mtimensec];
    return { atime, mtime, mtimensec, ctime, ctimensec, birthtime: born, birthtimensec: bornNsec };
  }

  /** EINVAL for another owner, unless `quiet`; before anything is changed. */
  check(change: SetAttr): void {
    const isOther = (change.uid ?? this.#uid) !== this.#uid || (change.gid ?? this.#gid) !== this.#gid;
    if (isOther && !this.options.quiet) throw this.#errno.EINVAL;
  }
  /** All of a change but its size. */
  set(node: Node, change: SetAttr): void {
    const { mode, flags, atime, mtime } = change;
    if (mode !== undefined && !node.isDir) {
      node.attributes = mode & 0o200 ? node.attributes & ~ATTR_READ_ONLY : node.attributes | ATTR_READ_ONLY;
    }
    if (flags !== undefined) node.attributes = withDosFlags(node.attributes, flags, node.isDir);
    if (atime !== undefined) this.#accessed(node, atime);
    if (mtime === undefined) return;
    this.modified(node, mtime, change.mtimensec ?? 0);
    if (!node.isDir) node.attributes |= ATTR_ARCHIVE;
  }
  /** The DOS attributes, all at once; EINVAL when the directory's would change. */
  setDos(node: Node, attr: number): void {
    const changed = changedDos(node.attributes, attr);
    if (changed === undefined) throw this.#errno.EINVAL;
    node.attributes = changed;
  }
  /** Its data changed; false: it shows that already. */
  modified(node: Node, sec: number, nsec: number): boolean {
    const { get, set } = FileEntry;
    const { stamp, hundredths } = toStamp(sec, nsec);
    const { view: d, at } = node;
    if (get.mtime(d, at) === stamp && get.mtimeHundredths(d, at) === hundredths) return false;
    set.mtime(d, at, stamp);
    set.mtimeHundredths(d, at, hundredths);
    set.mtimeZone(d, at, UTC);
    return true;
  }
  #accessed(node: Node, sec: number): void {
    FileEntry.set.atime(node.view, node.at, toStamp(sec, 0).stamp);
    FileEntry.set.atimeZone(node.view, node.at, UTC);
  }
  /** It begins now. */
  born(node: Node, sec: number, nsec: number): void {
    const { stamp, hundredths } = toStamp(sec, nsec);
    FileEntry.set.birth(node.view, node.at, stamp);
    FileEntry.set.birthHundredths(node.view, node.at, hundredths);
    FileEntry.set.birthZone(node.view, node.at, UTC);
    this.modified(node, sec, nsec);
    this.#accessed(node, sec);
  }
}
