/** rump.ktrace: trace system calls of clients (ktrace(1)), to a file or as lines, live. */
import { errno } from "../../abi/errno.ts";
import { KTRFAC_INHERIT, KTRFLAG_DESCEND, KTROP_CLEAR, KTROP_CLEARFILE, KTROP_SET } from "../../abi/ktrace.ts";
import { KTR_GENIO, KTR_MIB, KTR_NAMEI, KTR_SYSCALL, KTR_SYSRET } from "../../abi/ktrace.ts";
import type { Host, HostFile } from "../../host/host.ts";
import type { AsyncClient } from "../../proxy/client.ts";
import { Failure, type Grammar } from "../cli.ts";
import { attached } from "../client.ts";
import { DATA, styleOf } from "./kdump.ts";
import type { Run } from "../mod.ts";
import { Tool } from "../tool.ts";
import { TraceText } from "./trace_text.ts";

const grammar: Grammar = {
  usage: ["[-adl] [-f file] [-t what] [-p pid]", "[-al] [-f file] [-t what] command [argument ...]", "-C | -c -p pid"],
  about: "Trace the system calls of a client and its children, of a command, or of all clients, until interrupted.\n" +
    "The command's programs must be clients of the same server over our own wire.",
  letters: "aCcdEf:lm:p:RTt:",
  help: {
    a: "append to the file",
    C: "end all tracing",
    c: "end tracing of the process",
    d: "trace children there are already, too",
    f: "the trace (ktrace.out); rump.kdump shows it",
    l: "show lines on standard error, live, instead of a file (-E, -R, -T, -m as rump.kdump)",
    m: `bytes of data shown (${DATA})`,
    p: "this process",
    t: "what to trace: c calls, n names, i data, m sysctl names (cnim)",
    E: "seconds since the first line before each",
    R: "seconds since the line before",
    T: "seconds since 1970",
  },
  examples: ["-l rump.ls /", "-l -p 12"],
};
const PIECE = 64 << 10;
/** The first process: all clients descend from it. */
const EVERYBODY = 1;
const points: Readonly<Record<string, number>> = {
  c: (1 << KTR_SYSCALL) | (1 << KTR_SYSRET),
  n: 1 << KTR_NAMEI,
  i: 1 << KTR_GENIO,
  m: 1 << KTR_MIB,
  "+": (1 << KTR_SYSCALL) | (1 << KTR_SYSRET) | (1 << KTR_NAMEI) | (1 << KTR_GENIO) | (1 << KTR_MIB),
};

function facilities(t: Tool): number {
  return [...t.value("t") ?? "+"].reduce((all, letter) => {
    if (!points[letter]) throw new Failure(`${t.name}: -t ${letter}: unknown; c, n, i and m are known`);
    return all | points[letter];
  }, 0);
}
function pidOf(t: Tool): number | undefined {
  const text = t.value("p");
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Failure(`${t.name}: -p ${text}: not a process`);
  return Number(text);
}

/** Where records go. */
function receiver(t: Tool): (bytes: Uint8Array) => void {
  if (t.has("l")) {
    const text = new TraceText({ ...styleOf(t), pid: undefined }, (line) => t.host.err(`${line}\n`));
    return (bytes) => text.push(bytes);
  }
  const name = t.value("f") ?? "ktrace.out";
  const file: HostFile = t.host.open(name, { write: true, create: true, truncate: !t.has("a") });
  let at = file.size;
  return (bytes) => {
    for (let done = 0; done < bytes.length;) done += file.pwrite(bytes.subarray(done), at + done);
    at += bytes.length;
  };
}

/** Start tracing into a pipe, and read it until its end. */
async function trace(client: AsyncClient, t: Tool, pid: number, descend: boolean) {
  const { sys } = client;
  const [out, into] = await sys.pipe();
  const ops = KTROP_SET | (descend ? KTRFLAG_DESCEND : 0);
  await sys.fktrace({ fd: into, ops, facs: facilities(t) | KTRFAC_INHERIT, pid });
  const receive = receiver(t);
  const read = async () => {
    const buf = new Uint8Array(PIECE);
    for (let n = await sys.read({ fd: out, buf }); n > 0; n = await sys.read({ fd: out, buf })) {
      receive(buf.subarray(0, n));
    }
  };
  const stop = async () => {
    await sys.fktrace({ fd: into, ops: KTROP_CLEARFILE, facs: 0, pid });
    await sys.close({ fd: into });
  };
  return { ended: read(), stop };
}

async function command(client: AsyncClient, t: Tool): Promise<number> {
  const [self] = await client.sys.getpid();
  const { ended, stop } = await trace(client, t, self, false);
  const [program, ...args] = t.rest;
  const status = await t.host.runChild(program!, args, { RUMP_PARENT: String(self) });
  await stop();
  await ended;
  return status;
}
async function watch(host: Host, client: AsyncClient, t: Tool): Promise<number> {
  const pid = pidOf(t) ?? EVERYBODY;
  const { ended, stop } = await trace(client, t, pid, pid === EVERYBODY || t.has("d"));
  for (const signal of ["SIGINT", "SIGTERM"]) host.onSignal(signal, () => void stop().catch(() => {}));
  try {
    await ended;
  } catch (e) {
    if (e !== errno.ECONNRESET) throw e;
    throw new Failure(`${t.name}: the server is gone`);
  }
  return 0;
}

export const run: Run = async (host, argv) => {
  const t = new Tool(host, argv, grammar, () => {
    throw new Error("blocking calls are not used");
  });
  const ends = t.has("C") || t.has("c");
  const pid = pidOf(t);
  if ((ends && t.rest.length > 0) || (pid !== undefined && t.rest.length > 0) || (t.has("c") && pid === undefined)) {
    t.usage();
  }
  const facs = facilities(t);
  const client = await attached(host, argv[0]!);
  try {
    if (t.rest.length > 0) return await command(client, t);
    if (!ends) return await watch(host, client, t);
    const ops = KTROP_CLEAR | (t.has("C") ? KTRFLAG_DESCEND : 0);
    await client.sys.fktrace({ fd: 0, ops, facs, pid: t.has("C") ? EVERYBODY : pid! });
    return 0;
  } finally {
    client.close();
  }
};
