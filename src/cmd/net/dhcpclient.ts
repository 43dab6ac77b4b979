/** rump.dhcpclient: an interface of a rump kernel gets its address from a DHCP server (RFC 2131). */
import { errno, SysError } from "../../abi/errno.ts";
import { AF_INET, IFF, SOCK_DGRAM } from "../../abi/flags.ts";
import { sockaddrIn } from "../../abi/inet.ts";
import { IFT } from "../../abi/net_structs.ts";
import type { IfInfo } from "../../abi/if_list.ts";
import { viewOf } from "../../lib/struct.ts";
import { BOOTREQUEST, buildDhcp, DHCP, DHCP_PORTS, OPTION, parseDhcp } from "../../wire/dhcp.ts";
import { Failure, type Grammar, isExpected } from "../cli.ts";
import { attached, caller } from "../client.ts";
import { Leased } from "./dhcp_apply.ts";
import { type Lease, leaseText } from "./dhcp_lease.ts";
import { DhcpLink, type LinkEnd } from "./dhcp_link.ts";
import { DhcpMachine, type Question } from "./dhcp_machine.ts";
import { words } from "../files.ts";
import { Control, listInterfaces } from "./if_request.ts";
import type { Run } from "../mod.ts";
import { numberOption } from "./probe_options.ts";
import { type Client, Interrupt } from "./probe_socket.ts";
import { Tool } from "../tool.ts";

const DEFAULT_PATIENCE = 60;
/** How often is looked whether an address may be used, milliseconds; and how often at most. */
const [CHECK_MS, MOST_CHECKS] = [50, 600];
/** What is asked for. Classless routes come before routers (RFC 3442). */
const WANTED = Uint8Array.of(
  OPTION.MASK,
  OPTION.ROUTES,
  OPTION.ROUTER,
  OPTION.DNS,
  OPTION.DOMAIN,
  OPTION.BROADCAST,
  OPTION.LEASE,
  OPTION.T1,
  OPTION.T2,
);
const LONGEST_MESSAGE = 1500;
const ETHERNET = 1;
const EVERYBODY: LinkEnd = { mac: new Uint8Array(6).fill(0xff), address: 0xffff_ffff };

class DhcpClient {
  readonly #t: Tool;
  readonly #found: IfInfo;
  readonly #link: DhcpLink;
  readonly #leased: Leased;
  readonly #machine: DhcpMachine;
  readonly #interrupt: Interrupt;
  /** Of the lease. */
  #server: LinkEnd = EVERYBODY;
  /** What is to be sent. */
  readonly #out: Question[] = [];
  #before: Lease | undefined;
  /** When somebody has to have given a lease; the lease is there: never. */
  #deadline: number;
  #checks = 0;

  constructor(t: Tool, found: IfInfo, link: DhcpLink, ms: number) {
    this.#t = t;
    this.#found = found;
    this.#link = link;
    this.#leased = new Leased(t, found.name, found.index);
    this.#interrupt = new Interrupt(t.host);
    this.#deadline = t.host.now() + ms;
    this.#machine = new DhcpMachine(
      {
        send: (q) => void this.#out.push(q),
        take: (lease, before) => this.#take(lease, before),
        drop: (lease) => this.#leased.drop(lease),
        random: () => randomOf(t),
      },
      found.mac,
      t.host.now(),
    );
  }
  /** Get a lease; `keep`: renew it until interrupted, and give it back then. Failure: nobody gives one in time. */
  async run(ms: number, keep: boolean): Promise<void> {
    const { host } = this.#t;
    for (let had = false; !this.#interrupt.happened;) {
      await this.#step();
      const isBound = this.#machine.state === "bound";
      if (isBound && !had) this.#t.out(`${this.#found.name}: ${leaseText(this.#machine.lease!)}\n`);
      if (isBound && !keep) return;
      if (had && !this.#machine.lease) {
        this.#t.complain(`${this.#found.name}: the lease is over${this.#why}`);
        this.#deadline = host.now() + ms;
      }
      had = isBound || (had && this.#machine.lease !== undefined);
      if (!had && host.now() >= this.#deadline) {
        throw new Failure(`${this.#t.name}: ${this.#found.name}: no lease in ${ms / 1000} seconds${this.#why}`);
      }
    }
    this.#machine.release(host.now());
    await this.#send();
  }
  get #why(): string {
    return this.#machine.refusal === "" ? "" : `: ${this.#machine.refusal}`;
  }
  /** Send what is due, and wait for what comes next. */
  async #step(): Promise<void> {
    const { host } = this.#t;
    this.#machine.tick(host.now());
    const isChecking = this.#machine.state === "checking";
    if (isChecking) this.#check();
    await this.#send();
    if (isChecking && this.#machine.state !== "checking") return;
    const checking = this.#machine.state === "checking" ? host.now() + CHECK_MS : Infinity;
    const until = Math.min(this.#machine.due, checking, this.#machine.lease ? Infinity : this.#deadline);
    for (const { from, data } of await this.#link.next(until - host.now(), this.#interrupt)) {
      const message = parseDhcp(data);
      if (!message || !this.#machine.heard(host.now(), message)) continue;
      this.#server = { mac: from.mac, address: this.#machine.lease?.server ?? EVERYBODY.address };
      await this.#send();
    }
  }
  async #send(): Promise<void> {
    for (const q of this.#out.splice(0)) {
      const to = q.unicast ? this.#server : EVERYBODY;
      await this.#link.send({ mac: this.#found.mac, address: q.ciaddr }, to, bytesOf(q, this.#found.mac));
    }
  }
  #take(lease: Lease, before: Lease | undefined): void {
    this.#leased.address(lease, before);
    this.#before = before;
    this.#checks = 0;
    if (before?.address === lease.address) this.#leased.routes(lease, before);
  }
  #check(): void {
    const lease = this.#machine.lease!;
    const verdict = this.#leased.verdict(lease);
    if (verdict === "wait" && ++this.#checks < MOST_CHECKS) return;
    if (verdict === "taken") this.#t.complain(`${this.#found.name}: ${leaseText(lease)}: somebody has the address`);
    else this.#leased.routes(lease, this.#before);
    this.#machine.checked(this.#t.host.now(), verdict !== "taken");
  }
}
function randomOf({ host }: Tool): number {
  const bytes = new Uint8Array(4);
  host.random(bytes);
  return viewOf(bytes).getUint32(0) / 2 ** 32;
}
function bytesOf({ type, xid, secs, ciaddr, options: more }: Question, mac: Uint8Array): Uint8Array {
  const options = new Map<number, Uint8Array>([[OPTION.TYPE, Uint8Array.of(type)]]);
  options.set(OPTION.CLIENT, Uint8Array.of(ETHERNET, ...mac));
  for (const [code, value] of more) {
    options.set(code, new Uint8Array(4));
    viewOf(options.get(code)!).setUint32(0, value);
  }
  if (type === DHCP.DISCOVER || type === DHCP.REQUEST) {
    options.set(OPTION.LENGTH, Uint8Array.of(LONGEST_MESSAGE >>> 8, LONGEST_MESSAGE & 255));
    options.set(OPTION.WANTED, WANTED);
  }
  return buildDhcp({ op: BOOTREQUEST, xid, secs, ciaddr, yiaddr: 0, mac, options });
}
/** Somebody has to have the port, or the kernel tells servers that answer by unicast that nobody is there. */
async function holdPort({ sys }: Client): Promise<void> {
  const s = await sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 });
  await sys.bind({ s, name: sockaddrIn(0, DHCP_PORTS.client) }).catch((e) => {
    if (e !== errno.EADDRINUSE) throw e; // a client of another interface has it
  });
}
function interfaceNamed(t: Tool, name: string): IfInfo {
  const found = listInterfaces(t).find((i) => i.name === name);
  if (!found) throw new Failure("no such interface");
  if (found.type !== IFT.ETHER || found.mac.length !== 6) throw new Failure("no Ethernet interface");
  return found;
}
async function configure(t: Tool, name: string, client: Client): Promise<void> {
  const ms = numberOption(t, "t", DEFAULT_PATIENCE, { least: 1, most: 999_999 }) * 1000;
  const found = interfaceNamed(t, name);
  new Control(t).setFlags(name, IFF.UP);
  const link = await DhcpLink.open(client, name);
  await holdPort(client);
  await new DhcpClient(t, found, link, ms).run(ms, t.has("r"));
}

const grammar: Grammar = {
  usage: "[-r] [-t seconds] interface",
  about:
    "Give an interface of a rump kernel the address, netmask and routes a DHCP server has for it, and tell which domain\n" +
    "and name servers it names: names are looked up by the host. The server needs the component rumpdev_bpf.",
  letters: "rt:",
  help: {
    r: "stay, and renew the lease; when interrupted, give it back",
    t: "seconds to wait for a lease (60)",
  },
  examples: ["shmif0", "-r virt0 &"],
};
export const run: Run = async (host, argv) => {
  const t = new Tool(host, argv, grammar, () => caller(host, argv[0]!));
  const [name, more] = t.rest;
  if (name === undefined || more !== undefined) return t.usage();
  const client = await attached(host, t.name);
  try {
    await configure(t, name, client);
  } catch (e) {
    if (e instanceof Failure && e.message.startsWith(`${t.name}: `)) throw e;
    if (!isExpected(e)) throw e;
    const reason = e === errno.ECONNRESET || e === errno.EPIPE ? "the server is gone" : words(e);
    throw new Failure(`${t.name}: ${name}: ${e instanceof SysError || e instanceof Failure ? reason : words(e)}`);
  } finally {
    client.close();
  }
  return t.status;
};
