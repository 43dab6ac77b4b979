/** Interfaces on a bus file without a kernel behind them, and what somebody hostile does to the file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errno } from "../../src/abi/errno.ts";
import { host } from "../../src/host/mod.ts";
import type { SharedFile, Sys } from "../../src/plugin.ts";
import { ShmifDevice } from "../../plugins/net_shmif/device.ts";
import { BUS_SIZE } from "../../src/wire/shmif.ts";

export async function inDirectory(work: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "rump-shmif-"));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
/** What an interface needs of its kernel; files are looked at only when the test says so. */
export function busSys(log: string[] = []): Sys {
  return {
    errno,
    now: () => host.wall(),
    random: (into: Uint8Array) => host.random(into),
    log: (line: string) => void log.push(line),
    callout: () => () => {},
    sharedFile: (path: string, size: number): SharedFile => ({
      ...host.eventSharedFile(path, size),
      watch: () => {},
      awake: () => {},
    }),
  } as unknown as Sys;
}
/** An interface that keeps what comes in. */
export function station(path: string, log: string[] = []) {
  const device = new ShmifDevice(busSys(log), "shmif0");
  const came: Uint8Array[] = [];
  device.setLinkstr(path);
  device.up((frame) => void came.push(frame.slice()));
  /** Take all that is there, within reason. */
  const drain = () => {
    for (let i = 0; i < 100_000 && device.look(); i++);
  };
  return { device, came, drain };
}
/** The bus as anybody sees who may write it. */
export const memory = (path: string): SharedFile => host.eventSharedFile(path, BUS_SIZE);
/** A frame to everybody with a number and a length of its own. */
export function frame(from: Uint8Array, n: number, length = 60 + (n * 37) % 1455): Uint8Array {
  const f = new Uint8Array(length);
  f.fill(0xff, 0, 6);
  f.set(from, 6);
  new DataView(f.buffer).setUint32(14, n);
  f.fill(n & 255, 18);
  return f;
}
