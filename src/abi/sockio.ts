/**
 * Commands of ioctl(2) on sockets (NetBSD: sys/sockio.h, netinet6/in6_var.h), and where those that point at more memory
 * say so.
 */
import { bpfPointed } from "./bpf.ts";
import { ior, iow, iowr, type Pointed, type Sized } from "./ioccom.ts";
import {
  Eccapreq,
  IfAddrprefreq,
  Ifaliasreq,
  Ifcapreq,
  IfClonereq,
  Ifconf,
  Ifdatareq,
  Ifdrv,
  IfLaddrreq,
  Ifmediareq,
  IFNAMSIZ,
  Ifreq,
  IfreqBuffer,
  In6Aliasreq,
  In6Ifreq,
  In6Nbrinfo,
  In6Ndireq,
} from "./net_structs.ts";

const int: Sized = { size: 4 };
export const SIOC = {
  SIOCATMARK: ior("s", 7, int),
  SIOCSPGRP: iow("s", 8, int),
  SIOCGPGRP: ior("s", 9, int),
  SIOCSIFADDR: iow("i", 12, Ifreq),
  SIOCSIFDSTADDR: iow("i", 14, Ifreq),
  SIOCSIFFLAGS: iow("i", 16, Ifreq),
  SIOCGIFFLAGS: iowr("i", 17, Ifreq),
  SIOCSIFBRDADDR: iow("i", 19, Ifreq),
  SIOCSIFNETMASK: iow("i", 22, Ifreq),
  SIOCGIFMETRIC: iowr("i", 23, Ifreq),
  SIOCSIFMETRIC: iow("i", 24, Ifreq),
  SIOCDIFADDR: iow("i", 25, Ifreq),
  SIOCAIFADDR: iow("i", 26, Ifaliasreq),
  SIOCGIFALIAS: iowr("i", 27, Ifaliasreq),
  SIOCALIFADDR: iow("i", 28, IfLaddrreq),
  SIOCGLIFADDR: iowr("i", 29, IfLaddrreq),
  SIOCDLIFADDR: iow("i", 30, IfLaddrreq),
  SIOCSIFADDRPREF: iow("i", 31, IfAddrprefreq),
  SIOCGIFADDRPREF: iowr("i", 32, IfAddrprefreq),
  SIOCGIFADDR: iowr("i", 33, Ifreq),
  SIOCGIFDSTADDR: iowr("i", 34, Ifreq),
  SIOCGIFBRDADDR: iowr("i", 35, Ifreq),
  SIOCGIFNETMASK: iowr("i", 37, Ifreq),
  SIOCGIFCONF: iowr("i", 38, Ifconf),
  SIOCGIFAFLAG_IN: iowr("i", 39, Ifreq),
  SIOCADDMULTI: iow("i", 49, Ifreq),
  SIOCDELMULTI: iow("i", 50, Ifreq),
  SIOCSIFMEDIA: iowr("i", 53, Ifreq),
  SIOCGIFMEDIA: iowr("i", 54, Ifmediareq),
  SIOCSIFGENERIC: iow("i", 57, Ifreq),
  SIOCGIFGENERIC: iowr("i", 58, Ifreq),
  SIOCSIFPHYADDR: iow("i", 70, Ifaliasreq),
  SIOCGIFPSRCADDR: iowr("i", 71, Ifreq),
  SIOCGIFPDSTADDR: iowr("i", 72, Ifreq),
  SIOCDIFPHYADDR: iow("i", 73, Ifreq),
  SIOCSLIFPHYADDR: iow("i", 74, IfLaddrreq),
  SIOCGLIFPHYADDR: iowr("i", 75, IfLaddrreq),
  SIOCSIFCAP: iow("i", 117, Ifcapreq),
  SIOCGIFCAP: iowr("i", 118, Ifcapreq),
  SIOCGIFDLT: iowr("i", 119, Ifreq),
  SIOCIFGCLONERS: iowr("i", 120, IfClonereq),
  SIOCIFDESTROY: iow("i", 121, Ifreq),
  SIOCIFCREATE: iow("i", 122, Ifreq),
  SIOCSDRVSPEC: iow("i", 123, Ifdrv),
  SIOCGDRVSPEC: iowr("i", 123, Ifdrv),
  SIOCGIFMTU: iowr("i", 126, Ifreq),
  SIOCSIFMTU: iow("i", 127, Ifreq),
  SIOCGIFDATA: iowr("i", 133, Ifdatareq),
  SIOCZIFDATA: iowr("i", 134, Ifdatareq),
  SIOCGLINKSTR: iowr("i", 135, Ifdrv),
  SIOCSLINKSTR: iow("i", 136, Ifdrv),
  SIOCGETHERCAP: iowr("i", 139, Eccapreq),
  SIOCGIFINDEX: iowr("i", 140, Ifreq),
  /** Of NetBSD 9: interfaces with a text. */
  SIOCGIFDESCR: iowr("i", 142, Ifreq),
  SIOCSIFDESCR: iow("i", 143, Ifreq),
  SIOCDIFADDR_IN6: iow("i", 25, In6Ifreq),
  SIOCGIFADDR_IN6: iowr("i", 33, In6Ifreq),
  SIOCGIFDSTADDR_IN6: iowr("i", 34, In6Ifreq),
  SIOCGIFNETMASK_IN6: iowr("i", 37, In6Ifreq),
  SIOCGIFAFLAG_IN6: iowr("i", 73, In6Ifreq),
  SIOCSNDFLUSH_IN6: iowr("i", 77, In6Ifreq),
  SIOCGNBRINFO_IN6: iowr("i", 78, In6Nbrinfo),
  SIOCSPFXFLUSH_IN6: iowr("i", 79, In6Ifreq),
  SIOCSRTRFLUSH_IN6: iowr("i", 80, In6Ifreq),
  SIOCSIFINFO_FLAGS: iowr("i", 87, In6Ndireq),
  SIOCGIFALIFETIME_IN6: iowr("i", 106, In6Ifreq),
  SIOCAIFADDR_IN6: iow("i", 107, In6Aliasreq),
  SIOCGIFINFO_IN6: iowr("i", 108, In6Ndireq),
  SIOCSIFINFO_IN6: iowr("i", 109, In6Ndireq),
} as const;
export type SiocName = keyof typeof SIOC;

const driver = { pointer: Ifdrv.at.data, count: Ifdrv.at.length, countSize: 8, unit: 1 } as const;
const text = { pointer: IfreqBuffer.at.buffer, count: IfreqBuffer.at.length, countSize: 4, unit: 1 } as const;
/** struct vlanreq of SIOCSETVLAN and SIOCGETVLAN: a name and a tag, always as long. */
const vlan = { pointer: Ifreq.at.addr, count: 0, countSize: 4, unit: 1, fixed: IFNAMSIZ + 2 } as const;
const pointed: Readonly<Record<number, Pointed>> = {
  [SIOC.SIOCGIFCONF]: {
    pointer: Ifconf.at.buffer,
    count: Ifconf.at.length,
    countSize: 4,
    unit: 1,
    way: "out",
  },
  [SIOC.SIOCIFGCLONERS]: {
    pointer: IfClonereq.at.buffer,
    count: IfClonereq.at.count,
    countSize: 4,
    unit: IFNAMSIZ,
    way: "out",
  },
  [SIOC.SIOCGIFMEDIA]: {
    pointer: Ifmediareq.at.list,
    count: Ifmediareq.at.count,
    countSize: 4,
    unit: 4,
    way: "out",
  },
  [SIOC.SIOCGLINKSTR]: { ...driver, way: "out" },
  [SIOC.SIOCSLINKSTR]: { ...driver, way: "in" },
  [SIOC.SIOCGDRVSPEC]: { ...driver, way: "inout" },
  [SIOC.SIOCSDRVSPEC]: { ...driver, way: "in" },
  [SIOC.SIOCSIFGENERIC]: { ...vlan, way: "in" },
  [SIOC.SIOCGIFGENERIC]: { ...vlan, way: "inout" },
  [SIOC.SIOCGIFDESCR]: { ...text, way: "out" },
  [SIOC.SIOCSIFDESCR]: { ...text, way: "in" },
};
/**
 * Where a command's structure points at more memory; undefined: it does not. Who calls puts that memory, or room for it,
 * behind the structure, and its count into the structure; the pointer is the wire's business.
 */
export const pointedBy = (com: number): Pointed | undefined => pointed[com] ?? bpfPointed[com];
