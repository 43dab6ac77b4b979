/** rump.dhcpclient: an interface of a rump kernel gets its address from a DHCP server (RFC 2131). */
import { errno } from "../abi/errno.ts";
import { AF_INET, IFF, SOCK_DGRAM } from "../abi/flags.ts";
import { sockaddrIn } from "../abi/inet.ts";
import { IFT } from "../abi/net_structs.ts";
import {
  BOOTREPLY,
  BOOTREQUEST,
  buildDhcp,
  DHCP,
  DHCP_PORTS,
  type DhcpMessage,
  OPTION,
  option32,
  parseDhcp,
} from "../wire/dhcp.ts";
import { viewOf } from "../lib/struct.ts";
import { DhcpLink, type LinkEnd } from "./dhcp_link.ts";
import { dropLease, type Lease, leaseOf, leaseText, takeLease } from "./dhcp_lease.ts";
import { Control, listInterfaces, RequestError } from "./if_request.ts";
import { program, type Tool } from "./tool.ts";

/** Milliseconds until a question is asked again: doubled each time, up to the longest (RFC 2131, 4.1). */
const [FIRST_WAIT, LONGEST_WAIT] = [1000, 16_000];
const DEFAULT_PATIENCE = 60;
const WANTED = Uint8Array.of(OPTION.MASK, OPTION.ROUTER, OPTION.BROADCAST, OPTION.LEASE, OPTION.T1, OPTION.T2);
const EVERYBODY: LinkEnd = { mac: new Uint8Array(6).fill(0xff), address: 0xffff_ffff };

interface Answer {
  readonly message: DhcpMessage;
  readonly from: LinkEnd;
}
/** What the client says beside its type. */
interface Question {
  readonly type: number;
  readonly to: LinkEnd;
  readonly ciaddr: number;
  readonly options: readonly (readonly [code: number, value: number])[];
}
class Client {
  readonly #t: Tool;
  readonly #link: DhcpLink;
  readonly #mac: Uint8Array;
  #lease: Lease | undefined;
  #server: LinkEnd = EVERYBODY;
  /** When the lease began, on the host's clock. */
  #since = 0;

  constructor(t: Tool, name: string, mac: Uint8Array) {
    this.#t = t;
    this.#link = new DhcpLink(t, name);
    this.#mac = mac;
    holdPort(t);
  }
  /** A new lease; undefined: nobody gives one in so many milliseconds. */
  obtain(ms: number): Lease | undefined {
    const until = this.#t.host.now() + ms;
    while (this.#t.host.now() < until) {
      const question = { type: DHCP.DISCOVER, to: EVERYBODY, ciaddr: 0, options: [] };
      const offer = this.#ask(question, until, [DHCP.OFFER]);
      const wanted = offer && leaseOf(offer.message);
      if (!wanted) continue;
      const options = [[OPTION.ADDRESS, wanted.address], [OPTION.SERVER, wanted.server]] as const;
      const end = Math.min(until, this.#t.host.now() + LONGEST_WAIT);
      const given = this.#request({ type: DHCP.REQUEST, to: EVERYBODY, ciaddr: 0, options }, end);
      if (given) return given;
    }
    return undefined;
  }
  /** Wait until the lease is to be renewed, and do it. Undefined: it was not, and is over. */
  renew(): Lease | undefined {
    const lease = this.#lease!;
    const at = (seconds: number) => this.#since + seconds * 1000;
    this.#t.host.sleep(Math.max(0, at(lease.t1) - this.#t.host.now()));
    const question = { type: DHCP.REQUEST, ciaddr: lease.address, options: [] };
    return this.#request({ ...question, to: this.#server }, at(lease.t2)) ??
      (this.#lease && this.#request({ ...question, to: EVERYBODY }, at(lease.seconds)));
  }
  /** A server that refuses takes the lease away. */
  #request(question: Question, until: number): Lease | undefined {
    const asked = this.#t.host.now();
    const answer = this.#ask(question, until, [DHCP.ACK, DHCP.NAK]);
    if (!answer) return undefined;
    const isRefused = answer.message.options.get(OPTION.TYPE)?.[0] === DHCP.NAK;
    this.#lease = isRefused ? undefined : leaseOf(answer.message);
    this.#since = asked;
    this.#server = { mac: answer.from.mac, address: this.#lease?.server ?? EVERYBODY.address };
    return this.#lease;
  }
  /** Ask, again and again, until an answer of one of these types comes, or the time is up. */
  #ask(question: Question, until: number, types: readonly number[]): Answer | undefined {
    const { host } = this.#t;
    const random = new Uint8Array(4);
    host.random(random);
    const xid = viewOf(random).getUint32(0);
    const isAnswer = answers(xid, this.#mac, question, types);
    for (let wait = FIRST_WAIT; host.now() < until; wait = Math.min(wait * 2, LONGEST_WAIT)) {
      const { to, ciaddr } = question;
      this.#link.send({ mac: this.#mac, address: ciaddr }, to, questionBytes(xid, this.#mac, question));
      // Not all clients of a network at once.
      const again = Math.min(until, host.now() + wait * (0.8 + (random[0]! / 255) * 0.4));
      while (host.now() < again) {
        for (const { from, data } of this.#link.receive()) {
          const message = parseDhcp(data);
          if (message && isAnswer(message)) return { message, from };
        }
      }
    }
    return undefined;
  }
}
/** Somebody has to have the port, or the kernel tells servers that answer by unicast that nobody is there. */
function holdPort(t: Tool): void {
  const s = t.sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  try {
    t.sys.bind({ s, name: sockaddrIn(0, DHCP_PORTS.client) });
  } catch (e) {
    if (e !== errno.EADDRINUSE) throw e; // a client of another interface has it
  }
}
function questionBytes(xid: number, mac: Uint8Array, { type, ciaddr, options: more }: Question): Uint8Array {
  const options = new Map<number, Uint8Array>([[OPTION.TYPE, Uint8Array.of(type)]]);
  for (const [code, value] of more) {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, value);
    options.set(code, bytes);
  }
  options.set(OPTION.WANTED, WANTED);
  return buildDhcp({ op: BOOTREQUEST, xid, ciaddr, yiaddr: 0, mac, options });
}
/** Whether a message answers ours: others' pass by, and so do those that give nothing of use. */
function answers(xid: number, mac: Uint8Array, { options }: Question, types: readonly number[]) {
  const server = options.find(([code]) => code === OPTION.SERVER)?.[1];
  return (m: DhcpMessage): boolean => {
    const type = m.options.get(OPTION.TYPE)?.[0] ?? 0;
    if (m.op !== BOOTREPLY || m.xid !== xid || !m.mac.every((b, i) => b === mac[i]) || !types.includes(type)) {
      return false;
    }
    if (server !== undefined && option32(m, OPTION.SERVER) !== server) return false;
    return type === DHCP.NAK || leaseOf(m) !== undefined;
  };
}

function patienceOf(t: Tool): number {
  const text = t.value("t") ?? String(DEFAULT_PATIENCE);
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new RequestError(`-t ${text}: not a number of seconds`);
  return Number(text) * 1000;
}
function configure(t: Tool, name: string): void {
  const ms = patienceOf(t);
  const found = listInterfaces(t).find((i) => i.name === name);
  if (!found) throw new RequestError("no such interface");
  if (found.type !== IFT.ETHER || found.mac.length !== 6) throw new RequestError("no Ethernet interface");
  new Control(t).setFlags(name, IFF.UP);
  const client = new Client(t, name, found.mac);
  let had: Lease | undefined;
  do {
    const lease = had ? client.renew() : client.obtain(ms);
    if (!lease && had) dropLease(t, name, had);
    else if (!lease) throw new RequestError(`no lease in ${ms / 1000} seconds`);
    else takeLease(t, name, lease, had);
    if (lease && !had) t.out(`${name}: ${leaseText(lease)}\n`);
    had = lease;
  } while (t.has("r"));
}
export const { run, over } = program({
  usage: "[-r] [-t seconds] interface",
  about: "Give an interface of a rump kernel the address, netmask and default route a DHCP server has for it.\n" +
    "The server needs the component rumpdev_bpf.",
  letters: "rt:",
  help: {
    r: "go on, and renew the lease as long as that is granted",
    t: "seconds to wait for a lease (60)",
  },
  examples: ["shmif0"],
}, (t) => {
  const [name, more] = t.rest;
  if (name === undefined || more !== undefined) return t.usage();
  t.attempt(name, () => configure(t, name));
});
