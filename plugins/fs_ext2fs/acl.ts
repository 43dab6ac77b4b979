/** Access lists: short on the disk (ext4_acl_header, version 1), as posix_acl_xattr (version 2) towards programs. */
import { u16At, u32At } from "./bytes.ts";

const DISK_VERSION = 1;
const XATTR_VERSION = 2;
const [ACL_USER, ACL_GROUP] = [2, 8];
const NOBODY = 0xffff_ffff;
/** Only entries of a user or a group have a number on the disk. */
const hasId = (tag: number) => tag === ACL_USER || tag === ACL_GROUP;

/** A list as getxattr(2) gives it; undefined: it is damaged. */
export function fromDiskAcl(disk: Uint8Array): Uint8Array | undefined {
  if (disk.length < 4 || u32At(disk, 0) !== DISK_VERSION) return undefined;
  const entries: (readonly [tag: number, perm: number, id: number])[] = [];
  for (let at = 4; at < disk.length;) {
    const tag = u16At(disk, at);
    const next = at + (hasId(tag) ? 8 : 4);
    if (next > disk.length) return undefined;
    entries.push([tag, u16At(disk, at + 2), hasId(tag) ? u32At(disk, at + 4) : NOBODY]);
    at = next;
  }
  const out = new DataView(new ArrayBuffer(4 + entries.length * 8));
  out.setUint32(0, XATTR_VERSION, true);
  for (const [i, [tag, perm, id]] of entries.entries()) {
    out.setUint16(4 + i * 8, tag, true);
    out.setUint16(6 + i * 8, perm, true);
    out.setUint32(8 + i * 8, id, true);
  }
  return new Uint8Array(out.buffer);
}
/** A list as setxattr(2) gives it, as it stands on the disk; undefined: it is none. */
export function toDiskAcl(xattr: Uint8Array): Uint8Array | undefined {
  if (xattr.length < 4 || xattr.length % 8 !== 4 || u32At(xattr, 0) !== XATTR_VERSION) return undefined;
  const bytes = [DISK_VERSION, 0, 0, 0];
  for (let at = 4; at < xattr.length; at += 8) {
    bytes.push(...xattr.subarray(at, at + (hasId(u16At(xattr, at)) ? 8 : 4)));
  }
  return new Uint8Array(bytes);
}
