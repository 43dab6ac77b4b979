/** Files of the whole kernel as Linux has them (proc(5)): with the option `linux`. */
import type { KernelView, Sys } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";

const number = (kernel: KernelView, name: string): number => Number(kernel.get(name) ?? 0);
const bytes = (kernel: KernelView, name: string): DataView => viewOf(kernel.get(name) as Uint8Array);

function meminfo({ kernel, memory }: Sys): string {
  const total = number(kernel, "hw.physmem64");
  const buffers = number(kernel, "vm.bufmem");
  const rows: readonly (readonly [string, number])[] = [
    ["MemTotal", total],
    ["MemFree", total - buffers - memory.used],
    ["MemShared", memory.used],
    ["Buffers", buffers],
    ["SwapTotal", 0],
    ["SwapFree", 0],
  ];
  return rows.map(([name, n]) => `${`${name}:`.padEnd(11)}${String(Math.floor(n / 1024)).padStart(12)} kB\n`).join("");
}
/** Seconds since it came up; its one thread is never known to be idle. */
function uptime({ kernel, now }: Sys): string {
  const booted = Number(bytes(kernel, "kern.boottime").getBigInt64(0, true));
  return `${(now() / 1000 - booted).toFixed(2)} 0.00\n`;
}
function loadavg({ kernel }: Sys): string {
  const d = bytes(kernel, "vm.loadavg");
  const load = [0, 4, 8].map((at) => (d.getUint32(at, true) / d.getUint32(16, true)).toFixed(2));
  const all = kernel.processes();
  const running = all.filter((p) => p.sleeping === 0).length;
  return `${load.join(" ")} ${running}/${all.length} ${Math.max(...all.map((p) => p.pid))}\n`;
}
/** Blanks in paths as fstab(5) has them. */
const escaped = (path: string) =>
  path.replace(/[\\ \t\n]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
const mounts = ({ kernel }: Sys): string =>
  kernel.mounts().map(({ from, on, type, readOnly }) =>
    `${escaped(from)} ${escaped(on)} ${type} ${readOnly ? "ro" : "rw"} 0 0\n`
  ).join("");
function cpuinfo({ kernel }: Sys): string {
  const one = (i: number) => `processor\t: ${i}\nvendor_id\t: rump\nmodel name\t: ${kernel.get("hw.model")}\n\n`;
  return Array.from({ length: number(kernel, "hw.ncpu") }, (_, i) => one(i)).join("");
}
const version = ({ kernel }: Sys): string => String(kernel.get("kern.version"));

export const systemFiles: Readonly<Record<string, (sys: Sys) => string>> = {
  cpuinfo,
  filesystems: ({ kernel }) => String(kernel.get("vfs.generic.fstypes")).split(" ").map((t) => `\t${t}\n`).join(""),
  loadavg,
  meminfo,
  mounts,
  uptime,
  version,
};
