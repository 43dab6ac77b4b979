/** How neighbours are found on an interface: shown and changed (ndp(8) -i). */
import { AF_INET6 } from "../../abi/flags.ts";
import { In6Ndireq, ND6_IFF } from "../../abi/net_structs.ts";
import { viewOf } from "../../lib/struct.ts";
import { Failure } from "../cli.ts";
import { type Control, request } from "./if_request.ts";

/** ND6_IFF_* by ndp(8)'s words. */
const FLAGS: Readonly<Record<string, number>> = {
  nud: ND6_IFF.PERFORMNUD,
  accept_rtadv: ND6_IFF.ACCEPT_RTADV,
  disabled: ND6_IFF.IFDISABLED,
  auto_linklocal: ND6_IFF.AUTO_LINKLOCAL,
  override_rtadv: ND6_IFF.OVERRIDE_RTADV,
};
/** Numbers, and the most each may be. */
const NUMBERS = { basereachable: 3_600_000, retrans: 3_600_000, curhlim: 255 } as const;
const FIELDS = { basereachable: "basereachable", retrans: "retrans", curhlim: "chlim" } as const;

type Link = ReturnType<typeof In6Ndireq.dump>;
function linkOf(control: Control, name: string): Link {
  return In6Ndireq.dump(viewOf(control.one("SIOCGIFINFO_IN6", request(In6Ndireq, { name }), AF_INET6)), 0);
}
const seconds = (ms: number) => `${Math.floor(ms / 1000)}s${ms % 1000}ms`;

/** What is so on an interface. */
export function linkLines(control: Control, name: string): string[] {
  const l = linkOf(control, name);
  const on = Object.keys(FLAGS).filter((word) => l.flags & FLAGS[word]!);
  return [
    `linkmtu=${l.linkmtu}, maxmtu=${l.maxmtu}, curhlim=${l.chlim}, basereachable=${seconds(l.basereachable)}, ` +
    `reachable=${l.reachable}s, retrans=${seconds(l.retrans)}\n`,
    `Flags: ${on.join(" ")}\n`,
  ];
}
/** Change it. Failure: a word that is none, or a number that makes no sense. */
export function setLink(control: Control, name: string, words: readonly string[]): void {
  const changed = words.reduce(changedBy, linkOf(control, name));
  control.one("SIOCSIFINFO_IN6", request(In6Ndireq, { ...changed, name }), AF_INET6);
}
function changedBy(l: Link, word: string): Link {
  const m = /^(\w+)=(\d{1,7})$/.exec(word);
  if (m && Object.hasOwn(NUMBERS, m[1]!)) {
    const key = m[1] as keyof typeof NUMBERS;
    if (Number(m[2]) === 0 || Number(m[2]) > NUMBERS[key]) throw new Failure(`${word}: not from 1 to ${NUMBERS[key]}`);
    return { ...l, [FIELDS[key]]: Number(m[2]) };
  }
  const off = word.startsWith("-");
  const flag = off ? word.slice(1) : word;
  if (!Object.hasOwn(FLAGS, flag)) throw new Failure(`${word}: unknown word`);
  return { ...l, flags: off ? l.flags & ~FLAGS[flag]! : l.flags | FLAGS[flag]! };
}
