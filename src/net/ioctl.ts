/** ioctl(2) on sockets about interfaces (NetBSD: if.c ifioctl): rows by command; what a family or a device has of its own comes after. */
import { errno } from "../abi/errno.ts";
import { AF_INET } from "../abi/flags.ts";
import { parseSockaddrIn6 } from "../abi/inet.ts";
import {
  IfAddrprefreq,
  IFCAP,
  Ifcapreq,
  IfClonereq,
  Ifconf,
  IFDATAREQ_DATA,
  IFNAMSIZ,
  Ifreq,
  IfreqFlags,
  IfreqValue,
} from "../abi/net_structs.ts";
import { SIOC } from "../abi/sockio.ts";
import type { Lwp } from "../kern/proc.ts";
import { then } from "../lib/async.ts";
import { HDR_GSO_TCPV4, HDR_GSO_TCPV6 } from "../lib/offload.ts";
import { viewOf } from "../lib/struct.ts";
import type { Async } from "../plugin.ts";
import { writeIfData } from "./if_data.ts";
import type { Interface } from "./interface.ts";
import { linkRows } from "./ioctl_link.ts";
import { anybody, checkRoot, type ControlRows, isRoot, type Request, superuser } from "./ioctl_rows.ts";
import type { Socket } from "./socket.ts";
import type { Stack } from "./stack.ts";

const { get: value, set: setValue } = IfreqValue;
const generic: ControlRows = new Map([
  anybody(SIOC.SIOCGIFFLAGS, (i, { view }) => IfreqFlags.set.flags(view, 0, i.flags)),
  superuser(SIOC.SIOCSIFFLAGS, (i, { view, stack }) => stack.setFlags(i, IfreqFlags.get.flags(view, 0))),
  anybody(SIOC.SIOCGIFMTU, (i, { view }) => setValue.value(view, 0, i.mtu)),
  superuser(SIOC.SIOCSIFMTU, (i, { view, stack }) => {
    i.setMtu(value.value(view, 0));
    stack.tell({ kind: "state", iface: i });
  }),
  anybody(SIOC.SIOCGIFMETRIC, (i, { view }) => setValue.value(view, 0, i.metric)),
  superuser(SIOC.SIOCSIFMETRIC, (i, { view }) => void (i.metric = value.value(view, 0))),
  anybody(SIOC.SIOCGIFINDEX, (i, { view }) => setValue.value(view, 0, i.index)),
  anybody(SIOC.SIOCGIFDLT, (i, { view }) => setValue.value(view, 0, i.dlt)),
  anybody(SIOC.SIOCGIFCAP, (i, { view }) => {
    const able = capabilities(i);
    Ifcapreq.write(view, 0, { capabilities: able, enabled: able });
  }),
  // What a device can do is always on: it may be asked for, not left out.
  superuser(SIOC.SIOCSIFCAP, (i, { view }) => {
    if (Ifcapreq.get.enabled(view, 0) !== capabilities(i)) throw errno.EINVAL;
  }),
  anybody(SIOC.SIOCGIFDATA, (i, { view }) => writeIfData(view, IFDATAREQ_DATA, i)),
  superuser(SIOC.SIOCZIFDATA, (i, { view }) => {
    writeIfData(view, IFDATAREQ_DATA, i);
    i.counters.clear();
  }),
  anybody(SIOC.SIOCGIFDESCR, (i, { data, view }) => giveDescription(i, data, view)),
  superuser(SIOC.SIOCSIFDESCR, (i, { data }) => void (i.description = text(data.subarray(Ifreq.size)))),
  anybody(SIOC.SIOCGIFADDRPREF, givePreference),
  superuser(SIOC.SIOCIFDESTROY, (i, { stack }) => {
    if (i === stack.loopback) throw errno.EPERM;
    return stack.destroy(i);
  }),
  ...linkRows,
]);
/** IFCAP_* of what its device does: checksums of TCP and UDP both ways, cutting. */
function capabilities({ device }: Interface): number {
  // What it does for some frames only is its own affair.
  const offload = device.unfinished ? undefined : device.offload;
  if (!offload) return 0;
  return (offload.checksum ? IFCAP.CHECKSUMS : 0) | (offload.gso.includes(HDR_GSO_TCPV4) ? IFCAP.TSOv4 : 0) |
    (offload.gso.includes(HDR_GSO_TCPV6) ? IFCAP.TSOv6 : 0);
}
const text = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};
/** Of an address of any family. EADDRNOTAVAIL: it has none such. */
function givePreference(i: Interface, { stack, view }: Request): void {
  const asked = IfAddrprefreq.get.addr(view, 0);
  const found = [i.linkAddress, ...stack.addressesOf(i).map((a) => a.address)].find((a) => sameSockaddr(a, asked));
  if (!found) throw errno.EADDRNOTAVAIL;
  const inet = found[1] === AF_INET ? i.addresses.find((a) => a.address === viewOf(found).getUint32(4)) : undefined;
  IfAddrprefreq.set.preference(view, 0, inet?.preference ?? 0);
}
/** The same address, whatever else is told with it (ports, the zone in either form). */
function sameSockaddr(a: Uint8Array, b: Uint8Array): boolean {
  const [x, y] = [parseSockaddrIn6(a), parseSockaddrIn6(b)];
  if (x && y) return x.address.equals(y.address);
  return a[1] === b[1] && a.subarray(4).every((byte, i) => byte === b[i + 4]);
}
function giveDescription({ description }: Interface, data: Uint8Array, view: DataView): void {
  const bytes = new TextEncoder().encode(`${description}\0`);
  if (description === "") throw errno.ENOENT;
  if (bytes.length > data.length - Ifreq.size) throw errno.ENAMETOOLONG;
  data.set(bytes, Ifreq.size);
  view.setUint32(IFNAMSIZ, bytes.length, true);
}

/** Commands about no interface that there is. */
const others: Readonly<Record<number, (r: Request) => Async<void>>> = {
  [SIOC.SIOCIFCREATE](r) {
    checkRoot(r);
    return then(r.stack.create(Ifreq.get.name(r.view, 0)), () => undefined);
  },
  [SIOC.SIOCIFGCLONERS]: ({ stack, data, view }) => giveCloners(stack, data, view),
  [SIOC.SIOCGIFCONF]: ({ stack, data, view }) => giveAddresses(stack, data, view),
};
/** The names of kinds of interfaces that can be made, as many as there is room for. */
function giveCloners(stack: Stack, data: Uint8Array, view: DataView): void {
  const names = stack.kernel.registry.ofKind("net").map((d) => d.name);
  IfClonereq.set.total(view, 0, names.length);
  const room = Math.floor((data.length - IfClonereq.size) / IFNAMSIZ);
  for (const [i, name] of names.slice(0, room).entries()) {
    data.set(new TextEncoder().encode(`${name.slice(0, IFNAMSIZ - 1)}\0`), IfClonereq.size + i * IFNAMSIZ);
  }
}
/** Every address of every interface as struct ifreq, as many as there is room for; without room, how much it takes. */
function giveAddresses(stack: Stack, data: Uint8Array, view: DataView): void {
  const all = [...stack.interfaces].flatMap((iface) =>
    [iface.linkAddress, ...stack.addressesOf(iface).map((a) => a.address)].map((addr) => ({ name: iface.name, addr }))
  );
  const room = Math.floor((data.length - Ifconf.size) / Ifreq.size);
  const told = all.slice(0, room);
  for (const [i, row] of told.entries()) Ifreq.write(view, Ifconf.size + i * Ifreq.size, row);
  Ifconf.set.length(view, 0, (data.length > Ifconf.size ? told.length : all.length) * Ifreq.size);
}

/**
 * A command of group 'i'. ENXIO: no such interface; EPERM; ENOTTY: nobody knows the command.
 * The order is NetBSD's: what all interfaces have, then the socket's family, then the device.
 */
export function interfaceIoctl(stack: Stack, so: Socket, lwp: Lwp, com: number, data: Uint8Array): Async<void> {
  if (data.length < IFNAMSIZ) throw errno.EINVAL;
  const r: Request = { stack, lwp, com, data, view: viewOf(data) };
  const other = others[com];
  if (other) return other(r);
  const iface = stack.interface(Ifreq.get.name(r.view, 0));
  const row = generic.get(com) ?? stack.controls.get(so.domain)?.get(com);
  if (!row) return deviceIoctl(iface, r);
  if (row.root) checkRoot(r);
  return row.run(iface, r);
}
function deviceIoctl({ device }: Interface, r: Request): Async<void> {
  if (!device.ioctl) throw errno.ENOTTY;
  return device.ioctl(r.com, r.data, isRoot(r));
}
