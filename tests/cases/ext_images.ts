/** ext2, ext3 and ext4 volumes as mke2fs makes them, filled from a directory, and what e2fsck says of them. */
import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { chmodSync, chownSync, closeSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pattern } from "../../src/conformance/claim.ts";

const isRoot = process.getuid?.() === 0;
/** The same features on every machine, whatever its /etc/mke2fs.conf says. */
const CONF = `[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	default_mntopts = acl,user_xattr
	enable_periodic_fsck = 0
	blocksize = 4096
	inode_size = 256
	inode_ratio = 8192
[fs_types]
	ext2 = {
		blocksize = 4096
	}
	ext3 = {
		features = has_journal
	}
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
	small = {
		inode_ratio = 4096
	}
	floppy = {
		inode_ratio = 8192
	}
`;
const env = { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin`, MKE2FS_CONFIG: "", LC_ALL: "C" };

let scratch: string | undefined;
/** A directory for images; removed at the end. */
export function extScratch(): string {
  if (scratch) return scratch;
  const dir = mkdtempSync(join(tmpdir(), "rump-ext-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(env.MKE2FS_CONFIG = `${dir}/mke2fs.conf`, CONF);
  return (scratch = dir);
}
/** Run a shell line in the scratch directory; throws what it says when it fails. */
export function run(command: string): string {
  const r = spawnSync("sh", ["-ec", command], { cwd: extScratch(), env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${command}: ${r.status} ${r.stdout}${r.stderr}`);
  return r.stdout;
}
/** What e2fsck finds wrong with an image, changing nothing; empty: it is clean. */
export function fsck(bytes: Uint8Array): string {
  const path = `${extScratch()}/check.img`;
  writeFileSync(path, bytes);
  const r = spawnSync("e2fsck", ["-fn", path], { env, encoding: "utf8" });
  return r.status === 0 ? "" : `${r.status} ${r.stdout}${r.stderr}`;
}
/** The image after `e2fsck -fy`, and what that said. */
export function mended(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly said: string } {
  const path = `${extScratch()}/mend.img`;
  writeFileSync(path, bytes);
  const r = spawnSync("e2fsck", ["-fy", path], { env, encoding: "utf8" });
  if ((r.status ?? 9) > 2) throw new Error(`e2fsck: ${r.status} ${r.stdout}${r.stderr}`);
  return { bytes: new Uint8Array(readFileSync(path)), said: r.stdout };
}

let source: string | undefined;
/** A tree of everything there is: sizes around blocks, holes, links, names, devices. */
export function sourceTree(): string {
  if (source) return source;
  const dir = `${extScratch()}/source`;
  const put = (path: string, bytes: Uint8Array | string) => writeFileSync(`${dir}/${path}`, bytes);
  for (const path of ["", "dir", "dir/deep", "dir/deep/deeper", "many", "empty directory"]) mkdirSync(`${dir}/${path}`);
  for (const n of [0, 1, 59, 60, 61, 100, 160, 1023, 1024, 1025, 4096, 4097, 13_000, 70_000, 300_001]) {
    put(`size${n}`, pattern(n, n));
  }
  for (let i = 0; i < 400; i++) put(`many/a file with a name that is somewhat long, number ${i}`, i % 50 ? "" : `${i}`);
  put("dir/deep/deeper/\u00dcber \u4e2d\u6587", "unicode");
  put(`dir/${"n".repeat(255)}`, "longest");
  const sparse = openSync(`${dir}/sparse`, "w");
  for (const at of [0, 50_000, 300_000, 5_000_000, 70_000_000]) writeSync(sparse, pattern(3000, at), 0, 3000, at);
  closeSync(sparse);
  linkSync(`${dir}/size100`, `${dir}/dir/hard link`);
  symlinkSync("dir/deep", `${dir}/fast`);
  symlinkSync(`slow/${"x".repeat(300)}`, `${dir}/slow`);
  symlinkSync("y".repeat(60), `${dir}/sixty`);
  chmodSync(`${dir}/size1`, 0o4751);
  if (isRoot) {
    chownSync(`${dir}/size59`, 70_000, 80_000);
    spawnSync("sh", ["-c", "mknod null c 1 3; mknod far b 259 70000; mkfifo fifo"], { cwd: dir, env });
  }
  utimesSync(`${dir}/size0`, 1_000_000_000, 1_234_567_890);
  return (source = dir);
}
const cache = new Map<string, Uint8Array>();
/** An image of so many MiB, filled with the tree; made once for each line of options. */
export function filledImage(options: string, mib = 32, after = ":"): Uint8Array {
  const key = `${options} ${mib} ${after}`;
  let bytes = cache.get(key);
  if (!bytes) {
    run(`rm -f f.img; mke2fs -q -F -E root_owner=0:0 -d ${sourceTree()} ${options} f.img ${mib}M; ${after}`);
    cache.set(key, bytes = new Uint8Array(readFileSync(`${extScratch()}/f.img`)));
  }
  return bytes;
}
/** An empty one; `after`: what is done to it then. */
export function emptyImage(options: string, kib = 8192, after = ":"): Uint8Array {
  const key = `${options} ${kib} ${after}`;
  let bytes = cache.get(key);
  if (!bytes) {
    run(`rm -f e.img; mke2fs -q -F ${options} e.img ${kib}k; ${after} 2> /dev/null`);
    cache.set(key, bytes = new Uint8Array(readFileSync(`${extScratch()}/e.img`)));
  }
  return bytes.slice();
}
/** Why a program cannot be asked; false: it can. */
export const lacks = (program: string): string | false =>
  spawnSync("sh", ["-c", `command -v ${program}`], { env }).status === 0 ? false : `no ${program}`;
