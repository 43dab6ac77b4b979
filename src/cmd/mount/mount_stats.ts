/** rump_msdos --stats: what the process behind a mount does, a line a second; and what else the mount programs do without mounting. */
import type { Host } from "../../host/host.ts";
import { human } from "../../lib/human.ts";
import type { Options } from "../../lib/getopt.ts";
import { viewOf } from "../../lib/struct.ts";
import { IOC_MOUNT_STATS, MountStats } from "../../wire/fuse.ts";
import { Failure, reasonOf } from "../cli.ts";
import { hostUnmount } from "./fuse_unmount.ts";
import { unmountAsked } from "./serve_options.ts";

type Stats = ReturnType<typeof MountStats.dump>;
const SECOND = 1000;
/** Lines between two headings. */
const PAGE = 20;
const HEADING = "requests/s    read/s   write/s  waiting    cached     dirty\n";

const since: Stats = MountStats.dump(viewOf(new Uint8Array(MountStats.size)), 0);
/** A line: rates from `before` to `now`. */
function line(before: Stats, now: Stats): string {
  const seconds = Math.max(1, now.milliseconds - before.milliseconds) / SECOND;
  const rate = (key: "requests" | "bytesRead" | "bytesWritten") => (now[key] - before[key]) / seconds;
  const cells: readonly (readonly [string, number])[] = [
    [String(Math.round(rate("requests"))), 10],
    [human(Math.round(rate("bytesRead"))), 10],
    [human(Math.round(rate("bytesWritten"))), 10],
    [String(now.waiting), 9],
    [human(now.cached), 10],
    [human(now.dirty), 10],
  ];
  return `${cells.map(([text, width]) => text.padStart(width)).join("")}\n`;
}
const read = (bytes: Uint8Array) => MountStats.dump(viewOf(bytes), 0);

/** Show our own, from the loop that serves, until it ends. */
export function showOwn(host: Host, stats: () => Uint8Array): void {
  let before = since;
  let n = 0;
  const show = () => {
    const now = read(stats());
    host.err((n++ % PAGE === 0 ? HEADING : "") + line(before, now));
    before = now;
    host.loop.timer(SECOND, show);
  };
  host.loop.timer(SECOND, show);
}
/** Show those of a mount, from its beginning first, until it is gone or `count` lines are out. The exit status. */
function show(host: Host, program: string, dir: string, count: number): number {
  let before = since;
  for (let n = 0; n < count; n++) {
    if (n > 0) host.sleep(SECOND);
    const bytes = new Uint8Array(MountStats.size);
    try {
      host.ioctl(dir, IOC_MOUNT_STATS, bytes);
    } catch (e) {
      if (n > 0) return 0; // unmounted meanwhile
      const { code } = e as { code?: string };
      const why = code === "ENOTTY" || code === "EINVAL" ? "no mount of ours" : reasonOf(e);
      throw new Failure(`${program}: ${dir}: ${why}`);
    }
    const now = read(bytes);
    host.out((n % PAGE === 0 ? HEADING : "") + line(before, now));
    before = now;
  }
  return 0;
}

/** `-u dir`, `--unmount dir` and `--stats dir`: done here. Undefined: a mount is asked for. */
export function otherThanMount(
  host: Host,
  program: string,
  parsed: Options,
): number | Promise<number> | undefined {
  const gone = unmountAsked(parsed);
  if (gone) return hostUnmount(host, program, gone.dir, gone.lazy);
  if (!parsed.options.some(([o]) => o === "stats") || parsed.rest.length !== 1) return undefined;
  const count = parsed.options.findLast(([o]) => o === "count")?.[1] ?? "Infinity";
  if (!/^([1-9]\d{0,8}|Infinity)$/.test(count)) {
    throw new Failure(`${program}: --count ${count}: not a number above 0`);
  }
  return show(host, program, parsed.rest[0]!, Number(count));
}
