/** What Linux' programs read and set of one interface alone, in net/ipv6/conf and net/ipv6/neigh: what IPv6 knows of it. */
import { errno } from "../../abi/errno.ts";
import { AF_INET6, SOCK_DGRAM } from "../../abi/flags.ts";
import { In6Ndireq, ND6_IFF } from "../../abi/net_structs.ts";
import { SIOC } from "../../abi/sockio.ts";
import { viewOf } from "../../lib/struct.ts";
import type { Questions } from "./questions.ts";
import { readVariable } from "./variables.ts";

type Link = ReturnType<typeof In6Ndireq.dump>;
/** A figure of an interface. */
export interface Figure {
  readonly read: (link: Link, ask: Questions) => string | Promise<string>;
  /** What is to be changed; undefined: it is no value. */
  readonly write: (n: number, link: Link) => Partial<Link> | undefined;
}
/** A field that is not 0. */
const field = (name: "linkmtu" | "chlim" | "basereachable" | "retrans", most: number): Figure => ({
  read: (link) => String(link[name]),
  write: (n) => (n > 0 && n <= most ? { [name]: n } : undefined),
});
const ACCEPTS = ND6_IFF.ACCEPT_RTADV | ND6_IFF.OVERRIDE_RTADV;
const HOUR_MS = 3_600_000;

/** In net/ipv6/conf/INTERFACE. */
export const configurationFigures: Readonly<Record<string, Figure>> = {
  /** 0: never; 2: always; 1: as it is for all, and never by who passes on packets. */
  accept_ra: {
    async read({ flags }, ask) {
      if ((flags & ND6_IFF.ACCEPT_RTADV) === 0) return "0";
      if (flags & ND6_IFF.OVERRIDE_RTADV) return "2";
      const all = await ask.find("net.inet6.ip6.accept_rtadv");
      return all ? await readVariable(ask, all) : "0";
    },
    write(n, { flags }) {
      if (n < 0 || n > 2) return undefined;
      return { flags: (flags & ~ACCEPTS) | (n === 0 ? 0 : n === 2 ? ACCEPTS : ND6_IFF.ACCEPT_RTADV) };
    },
  },
  disable_ipv6: {
    read: ({ flags }) => (flags & ND6_IFF.IFDISABLED ? "1" : "0"),
    write: (n, { flags }) => ({ flags: n === 0 ? flags & ~ND6_IFF.IFDISABLED : flags | ND6_IFF.IFDISABLED }),
  },
  hop_limit: field("chlim", 255),
  mtu: field("linkmtu", 0xffff_ffff),
};
/** In net/ipv6/neigh/INTERFACE; milliseconds. */
export const neighbourFigures: Readonly<Record<string, Figure>> = {
  base_reachable_time_ms: field("basereachable", HOUR_MS),
  retrans_time_ms: field("retrans", HOUR_MS),
};

/** Ask about an interface, or change it. Throws ENODEV for one that is gone. */
async function link(ask: Questions, com: number, values: Partial<Link>): Promise<Link> {
  const data = new Uint8Array(In6Ndireq.size);
  for (const [name, value] of Object.entries(values)) {
    (In6Ndireq.set as Readonly<Record<string, (d: DataView, at: number, value: unknown) => void>>)[name]!(
      viewOf(data),
      0,
      value,
    );
  }
  await ask.withSocket({ domain: AF_INET6, type: SOCK_DGRAM, protocol: 0 }, async (fd, sys) => {
    try {
      await sys.ioctl({ fd, com, data });
    } catch (e) {
      throw e === errno.ENXIO ? errno.ENODEV : e;
    }
  });
  return In6Ndireq.dump(viewOf(data), 0);
}
/** What is so on an interface. */
export async function readFigure(ask: Questions, name: string, { read }: Figure): Promise<string> {
  return await read(await link(ask, SIOC.SIOCGIFINFO_IN6, { name }), ask);
}
/** Throws EINVAL for what is no value of it. */
export async function writeFigure(ask: Questions, name: string, { write }: Figure, text: string): Promise<void> {
  const now = await link(ask, SIOC.SIOCGIFINFO_IN6, { name });
  const change = /^\d{1,10}$/.test(text) ? write(Number(text), now) : undefined;
  if (!change) throw errno.EINVAL;
  await link(ask, SIOC.SIOCSIFINFO_IN6, { ...now, ...change, name });
}
