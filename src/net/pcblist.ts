/** sysctl net.*.*.pcblist: the sockets there are (NetBSD: in_pcb.c sysctl_inpcblist, uipc_usrreq.c sysctl_unpcblist). */
import { errno } from "../abi/errno.ts";
import { AF_LOCAL, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM } from "../abi/flags.ts";
import { INP, KinfoPcb, PCB_ALL, SS } from "../abi/pcb_structs.ts";
import { concat } from "../lib/bytes.ts";
import { viewOf } from "../lib/struct.ts";
import type { SysctlNode } from "../plugin.ts";
import type { Net } from "./net.ts";
import type { Socket } from "./socket.ts";

/** One that has no socket any more: what TCP still has to say, or waits for. */
export interface Orphan {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly state: number;
  readonly sending: number;
}
type Values = Parameters<typeof KinfoPcb.write>[2];
/** Longest address there is room for. */
const ROOM = 255;

function record(values: Values): Uint8Array {
  const out = new Uint8Array(KinfoPcb.size);
  KinfoPcb.write(viewOf(out), 0, values);
  return out;
}
function stateOf(so: Socket): number {
  return (so.connected ? SS.ISCONNECTED : 0) | (so.connecting ? SS.ISCONNECTING : 0) |
    (so.cantReceive ? SS.CANTRCVMORE : 0) | (so.cantSend ? SS.CANTSENDMORE : 0);
}
const isBound = (name: Uint8Array | undefined) => name?.subarray(2).some((b) => b !== 0) ?? false;
function listed(so: Socket): Uint8Array {
  const { state = 0, sending = 0, protocol = 0, peer = 0 } = so.protocol.listed?.() ?? {};
  const [src, dst] = [so.protocol.name(false), so.protocol.name(true)];
  // Who is not connected has an address of its family with nothing in it.
  const nobody = src && so.domain !== AF_LOCAL ? new Uint8Array(src.length).fill(src.length, 0, 1) : new Uint8Array(2);
  nobody[1] = so.domain;
  return record({
    pcbaddr: so.id,
    ppcbaddr: so.id,
    sockaddr: so.id,
    family: so.domain,
    type: so.type,
    protocol,
    sostate: stateOf(so),
    prstate: so.connected ? INP.CONNECTED : isBound(src) ? INP.BOUND : INP.ATTACHED,
    tstate: state,
    rcvq: so.inbox.size,
    sndq: sending,
    src: (src ?? nobody).subarray(0, ROOM),
    dst: (dst ?? nobody).subarray(0, ROOM),
    conn: peer,
  });
}
function orphan({ source, destination, state, sending }: Orphan, type: number, protocol: number): Uint8Array {
  return record({
    family: source[1]!,
    type,
    protocol,
    sostate: SS.NOFDREF,
    prstate: INP.CONNECTED,
    tstate: state,
    sndq: sending,
    src: source,
    dst: destination,
  });
}

/** A list: of the sockets of a family and type, and what is left of others. The numbers behind it are checked as NetBSD does. */
function pcblist(doc: string, records: () => Iterable<Uint8Array>): SysctlNode {
  return {
    type: "node",
    doc,
    visible: false,
    read: () => new Uint8Array(0),
    tail(rest) {
      const [operation, , size, most = 0] = rest;
      if (rest.length !== 4) throw errno.EINVAL;
      if (operation !== PCB_ALL || size !== KinfoPcb.size || most < 0) throw errno.EINVAL;
      return concat([...records()].slice(0, most));
    },
  };
}
function* socketsOf(net: Net, family: number, type: number): Generator<Uint8Array> {
  for (const so of net.sockets) if (so.domain === family && so.type === type) yield listed(so);
}
/** Of an Internet family: net.inet.tcp.pcblist and its kin, by the protocols' names. */
export function inetPcblists(
  net: Net,
  family: number,
  [tcp, udp, raw]: readonly [tcp: string, udp: string, raw: string],
  orphans: () => Iterable<Orphan>,
): Record<string, SysctlNode> {
  return {
    [`${tcp}.pcblist`]: pcblist("TCP protocol control block list", function* () {
      yield* socketsOf(net, family, SOCK_STREAM);
      for (const o of orphans()) if (o.source[1] === family) yield orphan(o, SOCK_STREAM, IPPROTO_TCP);
    }),
    [`${udp}.pcblist`]: pcblist("UDP protocol control block list", () => socketsOf(net, family, SOCK_DGRAM)),
    [`${raw}.pcblist`]: pcblist("Raw protocol control block list", () => socketsOf(net, family, SOCK_RAW)),
  };
}
const IPPROTO_TCP = 6;
/** net.local.*.pcblist */
export function localPcblists(net: Net): Record<string, SysctlNode> {
  const of = (name: string, type: number) => ({
    [`net.local.${name}.pcblist`]: pcblist(
      `SOCK_${name.toUpperCase()} control block list`,
      () => socketsOf(net, AF_LOCAL, type),
    ),
  });
  return { ...of("stream", SOCK_STREAM), ...of("seqpacket", SOCK_SEQPACKET), ...of("dgram", SOCK_DGRAM) };
}
