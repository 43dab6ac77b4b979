/** kernfs: what the kernel is, as files of text (NetBSD: mount_kernfs(8), sys/miscfs/kernfs). */
import type { FsDriver, KernelView, PathNode, Sys } from "../../src/plugin.ts";
import { type Shown, shownFiles } from "../../src/lib/shown_files.ts";
import { viewOf } from "../../src/lib/struct.ts";

const COPYRIGHT = "Copyright (c) 2026 The rump authors.  All rights reserved.\n\n";
const number = (kernel: KernelView, name: string): number => Number(kernel.get(name) ?? 0);
const text = (kernel: KernelView, name: string): string => String(kernel.get(name) ?? "");
/** A structure's bytes, for those who know where in it something is. */
const structure = (kernel: KernelView, name: string): DataView => viewOf(kernel.get(name) as Uint8Array);

/** struct loadavg: three numbers of 32 bits, and what is 1. */
function loadavg(kernel: KernelView): string {
  const d = structure(kernel, "vm.loadavg");
  return `${[0, 4, 8, 16].map((at) => d.getUint32(at, true)).join(" ")}\n`;
}
function time(sys: Sys): string {
  const ms = sys.now();
  const sec = Math.floor(ms / 1000);
  return `${sec} ${Math.floor((ms - sec * 1000) * 1000)}\n`;
}
/** One line, without its end. */
function setHostname({ kernel, errno }: Sys, line: string): void {
  const name = line.replace(/\n$/, "");
  if (name === "" || name.length > 255 || /[\0\n]/.test(name)) throw errno.EINVAL;
  kernel.set("kern.hostname", name);
}
/** There is no rootdev, and no rrootdev: the root file system of a rump kernel is on no device. */
function files(sys: Sys): Readonly<Record<string, Shown>> {
  const { kernel } = sys;
  const rows: Readonly<Record<string, () => string>> = {
    boottime: () => `${structure(kernel, "kern.boottime").getBigInt64(0, true)}\n`,
    copyright: () => COPYRIGHT,
    hostname: () => `${text(kernel, "kern.hostname")}\n`,
    hz: () => `${structure(kernel, "kern.clockrate").getInt32(0, true)}\n`,
    loadavg: () => loadavg(kernel),
    msgbuf: () => kernel.log().map((line) => `${line}\n`).join(""),
    pagesize: () => `${number(kernel, "hw.pagesize")}\n`,
    physmem: () => `${Math.floor(number(kernel, "hw.physmem64") / number(kernel, "hw.pagesize"))}\n`,
    time: () => time(sys),
    version: () => text(kernel, "kern.version"),
  };
  const shown = Object.entries(rows).map(([name, text]): [string, Shown] => [
    name,
    name === "hostname" ? { text, write: (line) => setHostname(sys, line) } : { text },
  ]);
  return Object.fromEntries(shown);
}

const driver: FsDriver<unknown, PathNode> = {
  kind: "fs",
  name: "kernfs",
  about: "Mount what a rump kernel is: its version, host name, time, log, and more.",
  mount(sys) {
    const all = files(sys);
    const find = (path: string) =>
      path === "" ? { names: () => Object.keys(all) } : Object.hasOwn(all, path) ? all[path] : undefined;
    return sys.pathVolume({ ...shownFiles(sys.errno, sys.now, find), label: "kernfs" });
  },
};
export default driver;
