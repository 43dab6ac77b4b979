/** Features of a volume by mke2fs(8)'s names: what can be read, what can be written, what is only told. */

/** Anybody may read and write, who does not know them. */
export const compat = {
  dir_prealloc: 1,
  imagic_inodes: 2,
  has_journal: 4,
  ext_attr: 8,
  resize_inode: 0x10,
  dir_index: 0x20,
  lazy_bg: 0x40,
  exclude_bitmap: 0x100,
  sparse_super2: 0x200,
  fast_commit: 0x400,
  stable_inodes: 0x800,
  orphan_file: 0x1000,
} as const;
/** Nobody may read, who does not know them. */
export const incompat = {
  compression: 1,
  filetype: 2,
  needs_recovery: 4,
  journal_dev: 8,
  meta_bg: 0x10,
  extent: 0x40,
  "64bit": 0x80,
  mmp: 0x100,
  flex_bg: 0x200,
  ea_inode: 0x400,
  dirdata: 0x1000,
  metadata_csum_seed: 0x2000,
  large_dir: 0x4000,
  inline_data: 0x8000,
  encrypt: 0x1_0000,
  casefold: 0x2_0000,
} as const;
/** Nobody may write, who does not know them. */
export const roCompat = {
  sparse_super: 1,
  large_file: 2,
  btree_dir: 4,
  huge_file: 8,
  uninit_bg: 0x10,
  dir_nlink: 0x20,
  extra_isize: 0x40,
  has_snapshot: 0x80,
  quota: 0x100,
  bigalloc: 0x200,
  metadata_csum: 0x400,
  replica: 0x800,
  read_only: 0x1000,
  project: 0x2000,
  shared_blocks: 0x4000,
  verity: 0x8000,
  orphan_present: 0x1_0000,
} as const;

const all = (table: Readonly<Record<string, number>>) => Object.values(table).reduce((a, b) => a | b, 0);
/** Everything that has a name here, but for what packs data (e2compr), Lustre's entries, and what is a journal alone. */
const READABLE = all(incompat) & ~(incompat.compression | incompat.dirdata | incompat.journal_dev);
const WRITABLE = incompat.filetype | incompat["64bit"] | incompat.flex_bg | incompat.meta_bg;
const WRITABLE_RO = roCompat.sparse_super | roCompat.large_file | roCompat.btree_dir | roCompat.huge_file |
  roCompat.dir_nlink | roCompat.extra_isize;

/** The names of bits, as dumpe2fs(8) lists them; of those without one, as it does, too. */
function names(bits: number, table: Readonly<Record<string, number>>, letter: string): string {
  const known = Object.entries(table).filter(([, bit]) => bits & bit).map(([name]) => name);
  const rest = bits & ~all(table);
  for (let i = 0; i < 32; i++) if (rest & (1 << i)) known.push(`FEATURE_${letter}${i}`);
  return known.join(", ");
}
/** Why a volume with such features is not read; empty: it is. */
export function unreadable(bits: number): string {
  const unknown = bits & ~READABLE;
  return unknown ? `has features that are not known here: ${names(unknown, incompat, "I")}` : "";
}
/** Features that are only read; empty: all can be written. */
export function unwritable(incompatBits: number, roBits: number): string {
  const of = [names(incompatBits & ~WRITABLE, incompat, "I"), names(roBits & ~WRITABLE_RO, roCompat, "R")];
  return of.filter((text) => text !== "").join(", ");
}
