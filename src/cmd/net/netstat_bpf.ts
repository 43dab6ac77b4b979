/** netstat -B: who listens by bpf(4), and what was counted of that. */
import { BPF_D, BPF_STATE, BpfDExt, BpfStat } from "../../abi/bpf.ts";
import type { Entry } from "../../abi/sysctl_names.ts";
import { viewOf } from "../../lib/struct.ts";
import { Failure } from "../cli.ts";
import type { SyncCalls } from "../client.ts";
import { entryOf, Tree } from "../server/sysctl_tree.ts";
import { readTable } from "../table.ts";

const HEAD = "PID\tInt\tRecv     Drop     Capt     Flags  Bufsize  Comm";
const MOST = 0x7fff_ffff;

function entry(tree: Tree, name: string): Entry {
  const found = entryOf(tree, name);
  if (!found) throw new Failure("the server has no bpf: start it with -l rumpdev_bpf");
  return found;
}
/** Lines of -B -s. */
export function bpfStats(sys: SyncCalls): string[] {
  const tree = new Tree(sys);
  const raw = tree.value(entry(tree, "net.bpf.stats"));
  if (raw.length < BpfStat.size) throw new Failure("net.bpf.stats: not what was expected");
  const { received, captured, dropped } = BpfStat.dump(viewOf(raw), 0);
  const counted = [["received", received], ["captured", captured], ["dropped", dropped]] as const;
  return ["bpf:", ...counted.map(([what, n]) => `\t${n} total packets ${what}`)];
}
type Peer = ReturnType<typeof BpfDExt.dump>;
/** Lines of -B: those on an interface, or all. */
export function bpfPeers(sys: SyncCalls, iface: string | undefined): string[] {
  const tree = new Tree(sys);
  const { mib, ...rest } = entry(tree, "net.bpf.peers");
  const raw = tree.value({ ...rest, mib: [...mib, BpfDExt.size, MOST] });
  const peers: Peer[] = [];
  for (let at = 0; at + BpfDExt.size <= raw.length; at += BpfDExt.size) peers.push(BpfDExt.dump(viewOf(raw), at));
  const comm = commands(sys);
  const shown = peers.filter((p) => iface === undefined || p.ifname === iface);
  return ["Active BPF peers", HEAD, ...shown.map((p) => line(p, comm(p.pid)))];
}
/** Names of processes; a kernel that does not tell has none. */
function commands(sys: SyncCalls): (pid: number) => string {
  try {
    const names = new Map(readTable(sys, "rump.sp.processes").map((p) => [p.pid, p.comm]));
    return (pid) => names.get(pid)?.replace(/\p{C}/gu, "?") ?? "-";
  } catch (e) {
    if (!(e instanceof Failure)) throw e;
    return () => "-";
  }
}
const STATES: Readonly<Record<number, string>> = {
  [BPF_STATE.IDLE]: "I",
  [BPF_STATE.WAITING]: "W",
  [BPF_STATE.TIMED_OUT]: "T",
};
const DIRECTIONS: Readonly<Record<number, string>> = { [BPF_D.IN]: "-", [BPF_D.OUT]: "O" };
function line(p: Peer, comm: string): string {
  const wide = (value: string | number, width: number) => String(value).padEnd(width);
  const flags = (STATES[p.state] ?? "-") + (p.promisc ? "P" : "-") + (p.immediate ? "R" : "-") +
    (DIRECTIONS[p.direction] ?? "S") + (p.hdrcmplt ? "H" : "-");
  const iface = p.ifname.replace(/\p{C}/gu, "?") || "-";
  return `${wide(p.pid, 7)} ${wide(iface, 7)} ${wide(p.received, 8)} ${wide(p.dropped, 8)} ${wide(p.captured, 8)} ` +
    `${flags}  ${wide(p.bufsize, 8)} ${comm}`;
}
