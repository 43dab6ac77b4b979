/** sysctl variables of a server: counters, limits that can be changed, and tables of clients and files. */
import { errno } from "../abi/errno.ts";
import { O_ACCMODE, O_RDONLY, O_WRONLY } from "../abi/flags.ts";
import type { SysctlNode } from "../plugin.ts";
import type { Connection } from "./connection.ts";
import type { Limits, SpServer } from "./server.ts";
import type { OpenFileRow, ProcessRow } from "../abi/tables.ts";

function processes(server: SpServer): ProcessRow[] {
  const connections = new Map([...server.clients].map((c) => [c.proc, c] as const));
  return [...server.kernel.procs].map((proc) => {
    const c: Connection | undefined = connections.get(proc);
    return {
      pid: proc.pid,
      ppid: proc.ppid,
      uid: proc.cred.uid,
      comm: proc.comm,
      files: [...proc.files].length,
      wire: c?.wire ?? "",
      peer: c?.channel.peer ?? "",
      calls: c?.calls ?? 0,
      waiting: [...c?.pending ?? []],
      age: c ? Math.floor((server.kernel.host.now() - c.since) / 1000) : 0,
    };
  });
}
const modes = new Map([[O_RDONLY, "r"], [O_WRONLY, "w"]]);
function files(server: SpServer): OpenFileRow[] {
  return [...server.kernel.procs].flatMap((proc) =>
    [...proc.files].map(([fd, file]) => ({
      pid: proc.pid,
      comm: proc.comm,
      fd,
      type: "?",
      ...file.ops.about?.(file),
      mode: modes.get(file.flags & O_ACCMODE) ?? "rw",
      offset: file.offset,
      refs: file.refs,
    }))
  );
}

const table = (doc: string, rows: () => unknown): SysctlNode => ({
  type: "string",
  doc,
  visible: false,
  read: () => JSON.stringify(rows()),
});
function limit(server: SpServer, name: keyof Limits, doc: string, least = 1): SysctlNode {
  return {
    type: "int",
    doc,
    read: () => server.limits[name],
    write: (n) => {
      if ((n as number) < least) throw errno.EINVAL;
      server.limits[name] = n as number;
    },
  };
}
const count = (doc: string, read: () => number): SysctlNode => ({ type: "quad", doc, read });

export function spSysctls(server: SpServer): Record<string, SysctlNode> {
  return {
    "rump.sp.clients": count("Clients connected", () => server.clients.size),
    "rump.sp.accepted": count("Connections accepted", () => server.accepted),
    "rump.sp.refused": count("Clients turned away", () => server.refused),
    "rump.sp.requests": count("Requests of clients; a batch of calls is one", () => server.requests),
    "rump.sp.calls": count("System calls made by clients", () => server.calls),
    "rump.sp.rings": count("Clients with a ring in shared memory", () => server.rings),
    "rump.sp.ring_calls": count("System calls that came through shared memory", () => server.ringCalls),
    "rump.sp.mounts": count("Mounts of the host's whose files are served", () => server.mounts.size),
    "rump.sp.splices": count("Sockets whose data goes straight to a program", () => server.splices.size),
    "rump.sp.waiting": count("System calls that wait", () => [...server.clients].reduce((n, c) => n + c.waiting, 0)),
    "rump.sp.processes": table("Processes and clients, JSON", () => processes(server)),
    "rump.sp.files": table("Open descriptors, JSON", () => files(server)),
    "rump.sp.limits.clients": limit(server, "maxClients", "Clients at once"),
    "rump.sp.limits.calls": limit(server, "maxCalls", "Waiting calls of one client"),
    "rump.sp.limits.bytes": limit(server, "maxBytes", "Bytes the waiting calls of one client may hold"),
    "rump.sp.limits.hello_ms": limit(server, "helloMs", "Milliseconds a client may take to say hello"),
    "rump.sp.limits.forks": limit(server, "maxForks", "Forked children that may be waited for"),
    "rump.sp.limits.rings": limit(server, "maxRings", "Clients that may have a ring in shared memory", 0),
    "rump.sp.limits.mounts": limit(server, "maxMounts", "Mounts of the host's that may be served", 0),
    "rump.sp.limits.splices": limit(server, "maxSplices", "Sockets whose data goes straight to programs", 0),
  };
}
