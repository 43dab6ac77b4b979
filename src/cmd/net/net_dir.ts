/** The directory of a network that is up: sockets, bus files, and a lock that tells whose it is; it goes when the network does. */
import type { Host, HostFile } from "../../host/host.ts";
import { Failure, reasonOf } from "../cli.ts";

const LOCK = "lock";
/** Milliseconds a network has to come down, and between two looks. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 20;

/** Where a host can be reached, and where a link is. */
export const socketOf = (dir: string, host: string): string => `${dir}/${host}.sock`;
export const busOf = (dir: string, link: string): string => `${dir}/${link}.bus`;

const exists = (work: () => void): boolean => {
  try {
    work();
    return true;
  } catch (e) {
    if ((e as { code?: string }).code === "ENOENT") return false;
    throw e;
  }
};
/** Who has the network up; undefined: nobody. */
function holder(host: Host, dir: string): number | undefined {
  let pid: number | undefined;
  exists(() => {
    const file = host.open(`${dir}/${LOCK}`, {});
    pid = file.holder(0, 0)?.pid;
    file.close();
  });
  return pid;
}
/** Remove what networks put there, and the directory if nothing else is in it. */
export function clear(host: Host, dir: string): void {
  let names: readonly string[] = [];
  if (!exists(() => (names = host.readdir(dir)))) return;
  for (const name of names.filter((n) => /\.(sock|bus|fast)$/.test(n))) exists(() => host.unlink(`${dir}/${name}`));
  exists(() => host.unlink(`${dir}/${LOCK}`));
  try {
    host.rmdir(dir);
  } catch {
    // something of somebody else's is in it
  }
}
/** Make the directory ours, without what one that was killed has left. Throws Failure. */
export function occupy(host: Host, dir: string): HostFile {
  try {
    host.mkdir(dir, 0o700);
  } catch (e) {
    if ((e as { code?: string }).code !== "EEXIST") throw new Failure(`${dir}: ${reasonOf(e)}`);
  }
  const owner = holder(host, dir);
  if (owner !== undefined) throw new Failure(`up already: process ${owner}`);
  const lock = host.open(`${dir}/${LOCK}`, { write: true, create: true, mode: 0o600 });
  const taken = lock.lock(true, 0, 0);
  if (taken) throw new Failure(`up already: process ${taken.pid}`);
  for (const name of host.readdir(dir).filter((n) => /\.(sock|bus|fast)$/.test(n))) host.unlink(`${dir}/${name}`);
  return lock;
}
/** End the network, wait until it is down, leave nothing. False: it was not up. Throws Failure. */
export function takeDown(host: Host, dir: string): boolean {
  const pid = holder(host, dir);
  if (pid !== undefined) host.kill(pid, "SIGTERM");
  for (let waited = 0; holder(host, dir) !== undefined; waited += LOOK_MS) {
    if (waited >= PATIENCE_MS) throw new Failure(`process ${pid} does not end`);
    host.sleep(LOOK_MS);
  }
  clear(host, dir);
  return pid !== undefined;
}
