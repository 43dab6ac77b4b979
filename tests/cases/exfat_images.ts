/** exFAT volumes as mkfs.exfat makes them, and what fsck.exfat says of them. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { scratchDir } from "./fat_images.ts";

const env = { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin`, LC_ALL: "C" };
const made = new Map<string, Uint8Array>();
/** An empty volume; a copy each time. */
export function emptyExfat(size: string, options = ""): Uint8Array {
  const key = `${size} ${options}`;
  let bytes = made.get(key);
  if (!bytes) made.set(key, bytes = make(size, options));
  return bytes.slice();
}
function make(size: string, options: string): Uint8Array {
  const image = `${scratchDir()}/empty.exfat`;
  const command = `rm -f ${image}; truncate -s ${size} ${image}; mkfs.exfat ${options} ${image}`;
  const r = spawnSync("sh", ["-ec", command], { env, encoding: "utf8" });
  if (r.status !== 0) throw new Error(`${command}: ${r.stdout}${r.stderr}`);
  return new Uint8Array(readFileSync(image));
}
/** What fsck.exfat finds; empty: nothing. */
export function fsckExfat(bytes: Uint8Array): string {
  const { status, said } = fsck(bytes, "-n");
  return status === 0 && /: clean\. /.test(said) ? "" : said;
}
/** What fsck.exfat makes of it. */
export function mendedExfat(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly said: string } {
  const { image, said } = fsck(bytes, "-y");
  return { bytes: new Uint8Array(readFileSync(image)), said };
}
function fsck(bytes: Uint8Array, how: string): { image: string; status: number | null; said: string } {
  const image = `${scratchDir()}/checked.exfat`;
  writeFileSync(image, bytes);
  const r = spawnSync("fsck.exfat", [how, image], { env, encoding: "utf8" });
  return { image, status: r.status, said: r.stdout + r.stderr };
}
