/** The files of one process (NetBSD: mount_procfs(8), procfs_status.c; Linux: proc(5)). */
import type { FileView, ProcessView } from "../../src/plugin.ts";
import type { Shown } from "../../src/lib/shown_files.ts";

const seconds = (ms: number): string => {
  const sec = Math.floor(ms / 1000);
  return `${sec},${Math.floor((ms - sec * 1000) * 1000)}`;
};
/**
 * One line: name, number, parent, group, session, terminal, flags, start, user and system time, what it waits for, owner and
 * groups. A client of a rump kernel is its own group and session, has no terminal, and runs elsewhere: its time is not ours
 * to know.
 */
function status({ comm, pid, ppid, started, sleeping, euid, egid, groups }: ProcessView): string {
  const others = groups.filter((g, i) => i > 0 || g !== egid);
  const who = [euid, egid, ...others].join(",");
  const name = comm.replace(/\s/g, "_");
  const waits = sleeping > 0 ? "select" : "nochan";
  return `${name} ${pid} ${ppid} ${pid} ${pid} -1,-1 sldr ${seconds(started)} 0,0 0,0 ${waits} ${who}\n`;
}
/** Linux's: of what there is here. */
function linuxStatus(p: ProcessView): string {
  const rows: readonly (readonly [string, string | number])[] = [
    ["Name", p.comm],
    ["State", p.sleeping > 0 ? "S (sleeping)" : "R (running)"],
    ["Tgid", p.pid],
    ["Pid", p.pid],
    ["PPid", p.ppid],
    ["Uid", [p.uid, p.euid, p.euid, p.euid].join("\t")],
    ["Gid", [p.gid, p.egid, p.egid, p.egid].join("\t")],
    ["Groups", p.groups.join(" ")],
    ["Threads", Math.max(1, p.sleeping)],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join("");
}
/** What a descriptor is of, and the last part of the name it was opened by: the rest of that is not kept. */
const target = ({ type, name }: FileView): string => (name === undefined ? `${type}:` : `${type}:[${name}]`);

export const fileNames = (linux: boolean): readonly string[] => [
  "cmdline",
  "cwd",
  "fd",
  "root",
  "status",
  ...linux ? ["stat"] : [],
];
/** What stands at a path below its directory. */
export function fileOf(p: ProcessView, names: readonly string[], linux: boolean): Shown | undefined {
  const owner = { uid: p.euid, gid: p.egid };
  const [name, fd] = names;
  if (name === "fd" && names.length <= 2) return descriptor(p, fd, owner);
  if (names.length !== 1) return undefined;
  switch (name) {
    case "cmdline":
      return { text: () => `${p.comm}\0`, ...owner };
    case "cwd":
    case "root":
      return { target: () => p[name] ?? "/" };
    case "status":
      return { text: () => (linux ? linuxStatus(p) : status(p)), ...owner };
    case "stat":
      return linux ? { text: () => stat(p), ...owner } : undefined;
  }
  return undefined;
}
/** Linux's line of numbers; those of a program that runs elsewhere are 0. */
function stat({ pid, comm, ppid, sleeping, started }: ProcessView): string {
  const fields = new Array<number>(52).fill(0);
  fields.splice(3, 3, ppid, pid, pid);
  fields[19] = Math.max(1, sleeping);
  fields[21] = Math.floor(started / 10); // in hundredths of a second
  return `${pid} (${comm}) ${sleeping > 0 ? "S" : "R"} ${fields.slice(3).join(" ")}\n`;
}
function descriptor(p: ProcessView, fd: string | undefined, owner: object): Shown | undefined {
  const files = [...p.files()];
  if (fd === undefined) return { names: () => files.map((f) => String(f.fd)), ...owner };
  const file = files.find((f) => String(f.fd) === fd);
  return file && { target: () => target(file) };
}
