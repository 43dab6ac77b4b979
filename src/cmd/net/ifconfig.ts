/** rump.ifconfig: show and configure the network interfaces of a rump kernel (ifconfig(8)). */
import { errno } from "../../abi/errno.ts";
import { IfClonereq, IFM, IFNAMSIZ, LINK_STATE } from "../../abi/net_structs.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import { viewOf } from "../../lib/struct.ts";
import { change } from "./if_change.ts";
import { type Detail, detailsOf } from "./if_detail.ts";
import { interfaceValue } from "./if_json.ts";
import { Control, listInterfaces, request, RequestError } from "./if_request.ts";
import { interfaceText, isListed } from "./if_text.ts";
import { families, plansOf, WordError } from "./if_words.ts";
import { program, type Tool } from "../tool.ts";

/** How often to look whether addresses may be used yet. */
const LOOK_MS = 100;
/** Kinds of interfaces there may be. */
const KINDS = 64;

/** The family that stands alone behind what is shown; anything else is not for showing. */
function familyOf(t: Tool, rest: readonly string[]): number | undefined {
  const [name] = rest;
  if (name === undefined) return undefined;
  if (rest.length > 1 || !Object.hasOwn(families, name)) t.usage();
  return families[name];
}
const wanted = (t: Tool) => new Set(["b", "d", "u"].filter((l) => t.has(l)));
function show(t: Tool, infos: readonly IfInfo[], family: number | undefined): void {
  const statistics = t.has("v", "z");
  const details = detailsOf(t, infos, t.has("z"));
  if (t.has("j")) return t.out(`${JSON.stringify(details.map((d) => interfaceValue(d, family)), undefined, 2)}\n`);
  const how = { family, statistics, lifetimes: t.has("L"), media: t.has("m"), human: t.has("h") };
  t.out(details.map((d) => interfaceText(d, how)).join(""));
}
/** The interface of a name. Throws RequestError with ifconfig(8)'s words. */
function named(all: readonly IfInfo[], name: string): IfInfo {
  const found = all.find((i) => i.name === name);
  if (!found) throw new RequestError(`SIOCGIFFLAGS ${name}: ${errno.ENXIO.message}`);
  return found;
}
/** Its link is there, or it cannot tell. */
function isConnected({ info, media }: Detail): boolean {
  if (!media) return info.data.linkState !== LINK_STATE.DOWN;
  return (media.status & IFM.AVALID) !== 0 && (media.status & IFM.ACTIVE) !== 0;
}
function list(t: Tool): void {
  const all = listInterfaces(t).filter((i) => isListed(i, wanted(t)));
  const shown = t.has("s") ? detailsOf(t, all).filter(isConnected).map((d) => d.info) : all;
  const names = shown.map((i) => i.name);
  t.out(t.has("j") ? `${JSON.stringify(names)}\n` : `${names.join(" ")}\n`);
}
function cloners(t: Tool): void {
  const data = request(IfClonereq, { count: KINDS }, KINDS * IFNAMSIZ);
  new Control(t).one("SIOCIFGCLONERS", data);
  const count = Math.min(IfClonereq.get.total(viewOf(data), 0), KINDS);
  const name = (i: number) =>
    new TextDecoder().decode(data.subarray(IfClonereq.size + i * IFNAMSIZ, IfClonereq.size + (i + 1) * IFNAMSIZ))
      .replace(/\0.*$/s, "");
  t.out(`${Array.from({ length: count }, (_, i) => name(i)).join(" ")}\n`);
}
/** Wait until no address is tentative any more. Throws RequestError after so many seconds. */
function wait(t: Tool, seconds: string): void {
  if (!/^\d{1,6}$/.test(seconds)) t.usage();
  const isReady = () =>
    detailsOf(t, listInterfaces(t)).every((d) => d.addresses.every((a) => !a.flags.includes("tentative")));
  for (let left = Number(seconds) * 1000; !isReady(); left -= LOOK_MS) {
    if (left <= 0) throw new RequestError(`addresses are still tentative after ${seconds} s`);
    t.host.sleep(LOOK_MS);
  }
}
function configure(t: Tool, name: string, words: readonly string[]): void {
  try {
    for (const plan of plansOf(name, words)) change(t, plan);
  } catch (e) {
    if (!(e instanceof WordError)) throw e;
    t.complain(e.message);
    t.usage();
  }
}
function one(t: Tool, name: string, words: readonly string[]): void {
  const [family, ...more] = words;
  if (family !== undefined && (more.length > 0 || !Object.hasOwn(families, family))) return configure(t, name, words);
  const infos = [named(listInterfaces(t), name)];
  if (!t.has("s")) show(t, infos, familyOf(t, words));
  else if (!detailsOf(t, infos).every(isConnected)) t.status = 1;
}
export const { run, over } = program({
  usage: [
    "[-hjLmvz] interface [inet | inet6] [settings]",
    "[-a] [-bdhjLmuvz] [inet | inet6]",
    "-l [-bdjsu]",
    "-s interface",
    "-w seconds",
    "-C",
  ],
  about: "Show and configure network interfaces.",
  letters: "aAbCdhjlLmsuvw:z",
  help: {
    a: "all interfaces (also when none is named)",
    A: "the same",
    l: "names only",
    b: "only those that broadcast",
    d: "only those that are down",
    u: "only those that are up",
    s: "is the link there? with -l: only those whose link is",
    v: "numbers of packets and bytes",
    z: "the same, and begin anew",
    h: "bytes with a unit",
    L: "lifetimes of IPv6 addresses",
    m: "media that can be chosen",
    j: "as JSON",
    C: "kinds of interfaces that can be created",
    w: "wait until no address is tentative",
  },
  examples: [
    "shmif0 create linkstr bus inet 10.0.0.1/24",
    "shmif0 inet6 fd00::1/64",
    "shmif0 inet 10.0.0.1/24 inet6 fd00::1/64",
    "shmif0 inet 10.0.0.7/32 alias",
    "shmif0 inet 10.0.0.7 -alias",
    "shmif0 mtu 1400 description uplink up",
    "vlan0 create vlan 5 vlanif shmif0",
    "shmif0 destroy",
  ],
}, (t) => {
  const seconds = t.value("w");
  const [name, ...words] = t.rest;
  if (seconds !== undefined) wait(t, seconds);
  else if (t.has("C")) cloners(t);
  else if (t.has("l")) list(t);
  else if (t.has("a", "A") || name === undefined || (Object.hasOwn(families, name) && words.length === 0)) {
    show(t, listInterfaces(t).filter((i) => isListed(i, wanted(t))), familyOf(t, t.rest));
  } else one(t, name, words);
});
