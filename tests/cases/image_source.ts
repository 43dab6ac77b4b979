/** A tree of files of every kind, for images of other programs. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { scratchDir } from "./fat_images.ts";

/** Run in the scratch directory; throws what it said when it fails. */
export function sh(command: string): string {
  const r = spawnSync("bash", ["-ec", command], { cwd: scratchDir(), encoding: "utf8" });
  if (r.status !== 0) throw new Error(`${command}: ${r.stdout}${r.stderr}`);
  return r.stdout;
}
let made: string | undefined;
/** Files of every kind, also as deep as ISO 9660 has no room for. */
export function imageSource(): string {
  if (made) return made;
  const src = `${scratchDir()}/image-src`;
  mkdirSync(`${src}/a/b/c/d/e/f/g/h/i/j`, { recursive: true });
  sh(`cd image-src; echo deep > a/b/c/d/e/f/g/h/i/j/deep.txt; : > empty; head -c 300001 /dev/urandom > random.bin
    ln random.bin "a/hard link"; ln -s a/b/../../random.bin link; ln -s /etc/passwd absolute; ln -s . dot; ln -s ../.. dots
    ln -s "$(printf 'x%.0s' {1..90})/$(printf 'y%.0s' {1..90})/$(printf 'z%.0s' {1..20})" long-link
    echo u > "\u00dcml\u00e4ut and \u65e5\u672c\u8a9e.txt"; echo n > "$(printf 'n%.0s' {1..240}).txt"; mkfifo fifo; chmod 4711 empty
    mkdir many; for i in $(seq 400); do echo $i > "many/a file with a longer name, number $i"; done
    touch -d '1999-12-31 23:59:59.25 UTC' empty; touch -d '2031-01-01 UTC' fifo
    [ "$(id -u)" != 0 ] || { mknod null c 1 3; mknod big b 259 70000; chown 12:34 link random.bin -h; }`);
  return made = src;
}
