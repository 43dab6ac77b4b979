/** An interface's numbers as struct if_data: for SIOCGIFDATA and messages of the routing socket. */
import { IfData, LINK_STATE } from "../abi/net_structs.ts";
import type { Interface } from "./interface.ts";

/** Ethernet header; what an address of each medium takes. */
const HEADER = { ethernet: 14, loopback: 0, ip: 0 } as const;
/** Bits a second, as drivers of no particular speed say. */
const TEN_MEGABIT = 10_000_000;

export function writeIfData(view: DataView, at: number, iface: Interface): void {
  const { counters: c, device } = iface;
  IfData.write(view, at, {
    type: iface.type,
    addrlen: device.mac?.length ?? 0,
    hdrlen: HEADER[device.medium],
    linkState: LINK_STATE.UNKNOWN,
    mtu: iface.mtu,
    metric: iface.metric,
    baudrate: device.medium === "ethernet" ? TEN_MEGABIT : 0,
    ipackets: c.inPackets,
    ierrors: c.inErrors,
    opackets: c.outPackets,
    oerrors: c.outErrors,
    collisions: 0,
    ibytes: c.inBytes,
    obytes: c.outBytes,
    imcasts: c.multicasts,
    omcasts: c.outMulticasts,
    iqdrops: c.inDrops,
    noproto: c.noProtocol,
    lastchange: iface.changedAt / 1000,
    lastchangeNsec: (iface.changedAt % 1000) * 1e6,
  });
}
