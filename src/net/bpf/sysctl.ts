/** sysctl net.bpf: who listens, and what all of them counted (NetBSD: bpf.c sysctl_net_bpf_peers, sysctl_net_bpf_stats). */
import { BpfDExt, BpfStat } from "../../abi/bpf.ts";
import { errno } from "../../abi/errno.ts";
import { viewOf } from "../../lib/struct.ts";
import type { SysctlNode } from "../../plugin.ts";
import type { BpfPeers } from "./device.ts";

export const statsNode = ({ totals }: BpfPeers): SysctlNode => ({
  type: "struct",
  doc: "bpf stats",
  visible: false,
  read() {
    const raw = new Uint8Array(BpfStat.size);
    BpfStat.write(viewOf(raw), 0, totals);
    return raw;
  },
});
/** Behind its own numbers: the size of a record, and how many are wanted. */
export const peersNode = ({ files }: BpfPeers): SysctlNode => ({
  type: "node",
  doc: "bpf peers",
  visible: false,
  read: () => new Uint8Array(0),
  tail(rest) {
    const [size, most = 0] = rest;
    if (rest.length !== 2 || size !== BpfDExt.size || most < 0) throw errno.EINVAL;
    const some = [...files].slice(0, most);
    const raw = new Uint8Array(some.length * size);
    for (const [i, file] of some.entries()) file.describe(viewOf(raw), i * size);
    return raw;
  },
});
