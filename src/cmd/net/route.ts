/** rump.route: show and change routes of a rump kernel (route(8)). */
import { errno, SysError } from "../../abi/errno.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../abi/flags.ts";
import { NET_RT, RTA, RTF, RTM, sockaddrDl } from "../../abi/route_structs.ts";
import { messagesOf, type RouteMessage, takeApart } from "../../abi/route_messages.ts";
import { Failure, type Grammar } from "../cli.ts";
import { addressOf } from "./host_names.ts";
import { interfaceNamer, listInterfaces } from "./if_request.ts";
import { routeDump } from "./route_message.ts";
import { BadWords, parseRequest, type RouteRequest, UnknownName } from "./route_parse.ts";
import { RouteSocket } from "./route_socket.ts";
import { routeTable } from "./route_table.ts";
import { describeRoute, messageText, type Names, namesOf } from "./route_text.ts";
import { sockaddrText } from "./sockaddr_text.ts";
import { program, type Tool } from "../tool.ts";

const grammar: Grammar = {
  usage: [
    "[-dfnqstv] add|change|delete|get [-net|-host] [-inet|-inet6] destination[/bits] [gateway] [modifiers]",
    "[-LnSv] show [-inet|-inet6]",
    "[-nqt] flush|flushall [-inet|-inet6]",
    "[-n] monitor [-c count]",
  ],
  about: "Show and change the routes of the rump kernel RUMP_SERVER names. Names are looked up by the host.\n\n" +
    "Modifiers: -netmask mask, -prefixlen bits, -ifp interface, -ifa address, -iface or -link (the gateway is an\n" +
    "interface or a link address), -gateway router, -[no]blackhole, -[no]reject, -[no]static, -[no]connected, -proxy,\n" +
    "-proto1, -proto2, and metrics, each with a number:\n" +
    "-mtu, -hopcount, -expire, -recvpipe, -sendpipe, -ssthresh, -rtt, -rttvar; -lock before one keeps it as it is.",
  letters: "dfLnqSstv",
  refused: { T: "there is no MPLS, so routes have no tags" },
  help: {
    d: "the same as -t",
    L: "no link addresses of neighbours, which are never among routes",
    n: "numbers, no names",
    q: "do not say what was done",
    S: "flags of shown routes below each other",
    s: "of get, the gateway alone",
    t: "only say what would be done",
    v: "show metrics, too",
    f: "flush the routes by way of gateways first",
  },
  examples: ["add default 10.0.0.254", "add -net 192.168.5.0/24 10.0.0.9", "-n show -inet", "-n get 192.168.5.77"],
};
function requestOf(t: Tool, args: readonly string[]): RouteRequest {
  const index = (name: string) => listInterfaces(t).find((i) => i.name === name)?.index;
  const address = (text: string, family: number) => addressOf(t.host, text, family, index);
  try {
    return parseRequest(args, { index, address });
  } catch (e) {
    throw e instanceof UnknownName ? new Failure(`${t.name}: ${e.message}`) : e;
  }
}

/** What NetBSD says of errors that are about the table. */
const SAID = new Map<unknown, string>([
  [errno.ESRCH, "not in table"],
  [errno.EBUSY, "entry in use"],
  [errno.ENOBUFS, "routing table overflow"],
]);
const isTest = (t: Tool) => t.has("d", "t");
function change(t: Tool, command: string, type: number, args: readonly string[]): void {
  const r = requestOf(t, args);
  if (type === RTM.ADD && r.gateway === undefined) throw new BadWords(`add ${r.destination}: a gateway is missing`);
  let failed = "";
  try {
    if (!isTest(t)) new RouteSocket(t).ask(type, r);
  } catch (e) {
    if (!(e instanceof SysError)) throw e;
    failed = `: ${SAID.get(e) ?? e.message}`;
    t.complain(`writing to routing socket${failed}`);
  }
  const gateway = r.gateway === undefined ? "" : `: gateway ${r.gateway}`;
  if (!t.has("q")) t.out(`${command} ${r.net ? "net" : "host"} ${r.destination}${gateway}${failed}\n`);
}
function get(t: Tool, args: readonly string[]): void {
  const r = requestOf(t, args);
  const router = new RouteSocket(t);
  r.addresses.set(RTA.IFP, sockaddrDl({ index: 0, type: 0, name: "", mac: new Uint8Array(0) }));
  let answer: RouteMessage;
  try {
    answer = router.answer(router.ask(RTM.GET, r));
  } catch (e) {
    if (!SAID.has(e)) throw e;
    throw new Failure(`${t.name}: ${r.destination}: ${SAID.get(e)}`);
  }
  if (t.has("s")) return t.out(`${gatewayOf(answer, namesFor(t))}\n`);
  t.out(describeRoute(r.destination, answer, namesFor(t), Math.floor(t.host.wall() / 1000)));
}
/** Its address, or the interface behind which destinations are neighbours. */
function gatewayOf({ header, addresses }: RouteMessage, names: Names): string {
  const gateway = addresses.get(RTA.GATEWAY);
  return header.flags & RTF.GATEWAY && gateway ? names.host(gateway) : names.interfaceName(header.index);
}
const namesFor = (t: Tool): Names => namesOf(t.host, t.has("n"), interfaceNamer(t));

/** The family an option of show and flush names. */
function familyIn(args: readonly string[]): number {
  let family = AF_UNSPEC;
  for (const arg of args) {
    if (arg === "-inet") family = AF_INET;
    else if (arg === "-inet6") family = AF_INET6;
    else throw new BadWords(`${arg}: bad keyword`);
  }
  return family;
}
/** What NetBSD's route show does not tell, and netstat -r does. */
const UNSHOWN = RTF.CONNECTED | RTF.STATIC | RTF.BLACKHOLE;
function show(t: Tool, args: readonly string[]): void {
  const { interfaceName, hostName } = namesFor(t);
  const lines = routeTable(t.sys, {
    family: familyIn(args),
    verbose: t.has("v"),
    aligned: t.has("S"),
    noLinks: true,
    hidden: t.has("v") ? 0 : UNSHOWN,
    interfaceName,
    ...(t.has("n") ? {} : { hostName }),
  });
  t.out(`${lines.join("\n")}\n`);
}
/** Delete routes by way of gateways; `all`: what was put in by hand, too. */
function flush(t: Tool, all: boolean, family: number): void {
  const router = new RouteSocket(t);
  const names = namesFor(t);
  for (const raw of messagesOf(routeDump(t.sys, family, NET_RT.DUMP))) {
    const m = takeApart(raw);
    const destination = m?.addresses.get(RTA.DST);
    if (!m || !destination || (family !== AF_UNSPEC && destination[1] !== family)) continue;
    if (!(m.header.flags & (all ? RTF.GATEWAY | RTF.STATIC : RTF.GATEWAY))) continue;
    const where = names.network(m);
    t.attempt(
      where,
      () => isTest(t) || router.ask(RTM.DELETE, { ...NOTHING, flags: m.header.flags, addresses: new Map(m.addresses) }),
    );
    const gateway = sockaddrText(m.addresses.get(RTA.GATEWAY) ?? new Uint8Array(0), names.interfaceName);
    if (!t.has("q")) t.out(`${where.padEnd(20)} ${gateway.padEnd(20)} done\n`);
  }
}
const NOTHING = { metrics: new Map(), locks: 0 } as const;

/** Print what happens, until interrupted or so many messages came. */
function monitor(t: Tool, [option, text, ...more]: readonly string[]): void {
  const isCounted = option === "-c" && /^[1-9]\d{0,8}$/.test(text ?? "");
  if ((option !== undefined && !isCounted) || more.length > 0) throw new BadWords("monitor takes nothing but -c count");
  const router = new RouteSocket(t);
  const names = namesFor(t);
  for (let left = isCounted ? Number(text) : Infinity; left > 0; left--) {
    t.out(messageText(router.read(), names, new Date(t.host.wall())));
  }
}

type Command = (t: Tool, args: readonly string[]) => void;
const commands: Readonly<Record<string, Command>> = {
  add: (t, args) => change(t, "add", RTM.ADD, args),
  change: (t, args) => change(t, "change", RTM.CHANGE, args),
  delete: (t, args) => change(t, "delete", RTM.DELETE, args),
  get,
  show,
  flush: (t, args) => flush(t, false, familyIn(args)),
  flushall: (t, args) => flush(t, true, familyIn(args)),
  monitor,
};

export const { run, over } = program(grammar, (t) => {
  const [name, ...args] = t.rest;
  if (t.has("f")) flush(t, false, AF_UNSPEC);
  if (name === undefined && t.has("f")) return;
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) return t.usage();
  try {
    command(t, args);
  } catch (e) {
    if (!(e instanceof BadWords)) throw e;
    t.host.err(`${t.name}: ${e.message}\n`);
    t.usage();
  }
});
