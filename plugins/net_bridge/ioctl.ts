/** What brconfig(8) asks of a bridge (NetBSD: if_bridge.c bridge_control_table). */
import type { Errnos } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { BRDG, Ifbareq, IFBF_FLUSHALL, IFBIF, Ifbreq, Ifbrparam, Ifdrv, SIOC } from "../../src/wire/if_bridge.ts";
import type { BridgeDevice, Member } from "./bridge.ts";
import { macAt, macBytes } from "./table.ts";

interface Request {
  readonly bridge: BridgeDevice;
  readonly errno: Errnos;
  /** struct ifdrv, and behind it what it points at. */
  readonly data: Uint8Array;
  readonly view: DataView;
}
interface Row {
  /** Bytes of its structure. */
  readonly size: number;
  readonly set: boolean;
  readonly run: (r: Request) => void;
}
const AT = Ifdrv.size;

/** ENOENT: it is no member. */
function memberOf({ bridge, errno, view }: Request): Member {
  const member = bridge.members.get(Ifbreq.get.name(view, AT));
  if (!member) throw errno.ENOENT;
  return member;
}
const get = (value: (bridge: BridgeDevice) => number): Row => ({
  size: Ifbrparam.size,
  set: false,
  run: ({ bridge, view }) => Ifbrparam.set.value(view, AT, value(bridge)),
});
const set = (change: (bridge: BridgeDevice, value: number) => void): Row => ({
  size: Ifbrparam.size,
  set: true,
  run: ({ bridge, view }) => change(bridge, Ifbrparam.get.value(view, AT)),
});
/** Structures one behind the other, as many as there is room for; without room, how many bytes it takes. */
function list<T>(
  r: Request,
  size: number,
  all: readonly T[],
  write: (view: DataView, at: number, one: T) => void,
): void {
  const room = Math.floor((r.data.length - AT) / size);
  for (const [i, one] of all.slice(0, room).entries()) write(r.view, AT + i * size, one);
  Ifdrv.set.length(r.view, 0, (room === 0 ? all.length : Math.min(room, all.length)) * size);
}
const describe = (view: DataView, at: number, [i, { port, flags }]: readonly [number, Member]) =>
  Ifbreq.write(view, at, { name: port.name, flags, state: 0, priority: PRIORITY, cost: COST, port: i + 1 });
/** What spanning trees would go by. */
const PRIORITY = 128;
const COST = 55;

/** Spanning trees are not spoken, and no packet filter is there. */
const without: Row = {
  size: 0,
  set: true,
  run({ errno }) {
    throw errno.EOPNOTSUPP;
  },
};
const member = (run: (r: Request) => void, isSet = true): Row => ({ size: Ifbreq.size, set: isSet, run });
const rows: Readonly<Record<number, Row>> = {
  [BRDG.ADD]: member(({ bridge, view }) => bridge.add(Ifbreq.get.name(view, AT))),
  [BRDG.DEL]: member(({ bridge, view }) => bridge.remove(Ifbreq.get.name(view, AT))),
  [BRDG.GIFFLGS]: member((r) => {
    const m = memberOf(r);
    describe(r.view, AT, [[...r.bridge.members.values()].indexOf(m), m]);
  }, false),
  [BRDG.SIFFLGS]: member((r) => {
    const flags = Ifbreq.get.flags(r.view, AT);
    const m = memberOf(r);
    if (flags & IFBIF.STP) throw r.errno.EOPNOTSUPP;
    m.flags = flags & (IFBIF.LEARNING | IFBIF.DISCOVER);
  }),
  [BRDG.SCACHE]: set(({ stations }, n) => void (stations.limit = Math.min(n, MOST))),
  [BRDG.GCACHE]: get(({ stations }) => stations.limit),
  [BRDG.STO]: set(({ stations }, n) => void (stations.lifetime = n)),
  [BRDG.GTO]: get(({ stations }) => stations.lifetime),
  [BRDG.GPRI]: get(() => 0x8000),
  [BRDG.GHT]: get(() => 2),
  [BRDG.GFD]: get(() => 15),
  [BRDG.GMA]: get(() => 20),
  [BRDG.SPRI]: without,
  [BRDG.SHT]: without,
  [BRDG.SFD]: without,
  [BRDG.SMA]: without,
  [BRDG.SIFPRIO]: without,
  [BRDG.SIFCOST]: without,
  [BRDG.SFILT]: without,
  [BRDG.SADDR]: {
    size: Ifbareq.size,
    set: true,
    run(r) {
      if (!r.bridge.stations.set(macAt(r.data, AT + Ifbareq.at.address), memberOf(r))) throw r.errno.ENOSPC;
    },
  },
  [BRDG.DADDR]: {
    size: Ifbareq.size,
    set: true,
    run({ bridge, errno, data }) {
      if (!bridge.stations.delete(macAt(data, AT + Ifbareq.at.address))) throw errno.ENOENT;
    },
  },
  [BRDG.FLUSH]: member(({ bridge, view }) =>
    bridge.stations.flush(undefined, (Ifbreq.get.flags(view, AT) & IFBF_FLUSHALL) !== 0)
  ),
  [BRDG.GIFS]: {
    size: 0,
    set: false,
    run: (r) => list(r, Ifbreq.size, [...[...r.bridge.members.values()].entries()], describe),
  },
  [BRDG.RTS]: {
    size: 0,
    set: false,
    run: (r) =>
      list(r, Ifbareq.size, r.bridge.stations.list(), (view, at, { mac, station, seconds }) => {
        const { member, flags } = station;
        Ifbareq.write(view, at, { name: member.port.name, expire: seconds, flags, address: macBytes(mac) });
      }),
  },
};
/** Stations a table may be given room for. */
const MOST = 1 << 20;

/** ENOTTY: not a command of ours; EPERM; EINVAL: no such command, or its structure is cut. */
export function bridgeIoctl(
  bridge: BridgeDevice,
  errno: Errnos,
  { command, data, superuser }: { readonly command: number; readonly data: Uint8Array; readonly superuser: boolean },
): void {
  if (command !== SIOC.SIOCSDRVSPEC && command !== SIOC.SIOCGDRVSPEC) throw errno.ENOTTY;
  const view = viewOf(data);
  const row = rows[Ifdrv.get.command(view, 0)];
  if (!row || row.set !== (command === SIOC.SIOCSDRVSPEC) || data.length - AT < row.size) throw errno.EINVAL;
  if (row.set && !superuser) throw errno.EPERM;
  row.run({ bridge, errno, data, view });
}
