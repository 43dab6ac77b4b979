/** TCP for a stack: its place in IP, and what its sockets share (NetBSD: tcp_input.c, tcp_output.c, tcp_usrreq.c). */
import type { SysError } from "../../abi/errno.ts";
import { AF_INET, AF_INET6, SOCK_STREAM } from "../../abi/flags.ts";
import type { In6Addr } from "../../lib/in6.ts";
import { HDR_GSO_TCPV4, HDR_GSO_TCPV6 } from "../../lib/offload.ts";
import { type Address, isMulticast, sameAddress } from "../address.ts";
import { IPPROTO_TCP } from "../../wire/ipv4.ts";
import { Tcp as Header } from "../../wire/tcp.ts";
import { pseudoChecksum, transportChecksum } from "../checksums.ts";
import type { InetProtocol } from "../inet.ts";
import type { IpHeader, IpProtocol, Returned } from "../ip.ts";
import type { IpOptions } from "../ip_options.ts";
import type { Interface } from "../interface.ts";
import type { Extras6 } from "../ip6/extras.ts";
import type { Outgoing } from "../ip_output.ts";
import type { Packet } from "../packet.ts";
import { Endpoints } from "../pcb.ts";
import { Socket } from "../socket.ts";
import type { Orphan } from "../pcblist.ts";
import type { Stack } from "../stack.ts";
import { CE, ECN_MASK, ECT_0 } from "./ecn.ts";
import { TcpEngine, type TcpListener, type TcpWorld } from "./engine.ts";
import { PathMtu } from "./path_mtu.ts";
import type { Ring } from "./ring.ts";
import type { OutSegment } from "./segment.ts";
import { TcpSocket } from "./tcp_socket.ts";
import { tcpSysctls } from "./sysctl.ts";
import type { HeaderOptions, Tcb, Tuple } from "./tcb.ts";
import { abort } from "./user.ts";

/** Data in a packet that is cut on its way out: what IPv4 can tell, with all its options and TCP's. */
const BURST = 65_535 - 60 - 60;

export class TcpProtocol implements IpProtocol, TcpWorld {
  readonly stack: Stack;
  readonly engine: TcpEngine;
  readonly endpoints: Endpoints<TcpSocket>;
  readonly paths: PathMtu;
  /** The ends of the segment that is handled; where the one that goes out goes. */
  readonly #to = { local: 0 as Address, port: 0, remote: 0 as Address, remotePort: 0 };
  /** What IP is told: of either family one, so that each is always of one kind. */
  readonly #ip = outgoing(0);
  readonly #ip6 = outgoing<In6Addr>(undefined as never);
  #o = this.#ip as Filled;
  /** What `#fill` writes. */
  #out!: OutSegment;
  #ring: Ring | undefined;
  #length = 0;
  #port = 0;
  #remotePort = 0;
  #cancel: (() => void) | undefined;

  constructor(stack: Stack) {
    this.stack = stack;
    this.endpoints = new Endpoints(stack.random, stack.ports);
    this.paths = new PathMtu(() => this.now());
    this.engine = new TcpEngine(this);
    stack.ip.register(IPPROTO_TCP, this);
    stack.kernel.sysctl(tcpSysctls(this.engine));
    stack.kernel.atHalt(() => this.halt());
  }
  /** A socket of TCP; `c`: for a connection that came. */
  socket(c?: Tcb, listener?: TcpSocket): Socket {
    const domain = listener?.so.domain ?? AF_INET;
    return new Socket(domain, SOCK_STREAM, (so) => new TcpSocket(this, so, c, listener), this.stack.net);
  }
  /** Connections whose sockets are closed. */
  *orphans(): Generator<Orphan> {
    for (const c of this.engine.connections) {
      if (c.user) continue;
      const family = this.stack.family(typeof c.local === "number" ? AF_INET : AF_INET6);
      const [source, destination] = [family.name(c.local, c.port), family.name(c.remote, c.remotePort)];
      yield { source, destination, state: c.state, sending: c.sending.size };
    }
  }
  /** Peers are told that we go. */
  halt(): void {
    this.engine.tick();
    for (const c of [...this.engine.connections]) abort(c);
    this.engine.close();
    this.#cancel?.();
  }

  // From IP

  input(p: Packet, at: number, { source, destination, tos }: IpHeader): void {
    const { counters, segment } = this.engine;
    const length = p.end - at;
    if (p.broadcast || isMulticast(destination)) return;
    if (!segment.parse(p.bytes, p.view, at, p.end)) return void counters.malformed++;
    if (
      !p.sound && !p.iface?.loopback &&
      transportChecksum(p, at, length, { source, destination, protocol: IPPROTO_TCP }) !== 0
    ) {
      return void counters.badChecksum++;
    }
    segment.piece = p.segment;
    segment.ce = (tos & ECN_MASK) === CE;
    if (segment.ce) counters.ecnMarks++;
    const to = this.#to;
    to.local = destination;
    to.port = Header.get.destination(p.view, at);
    to.remote = source;
    to.remotePort = Header.get.source(p.view, at);
    if (to.port === to.remotePort && sameAddress(to.local, to.remote) && !this.engine.find(to)) return;
    this.engine.input(to, segment);
  }
  error(code: SysError, { source, destination, view, at }: Returned, mtu: number): void {
    const [port, remotePort] = [Header.get.source(view, at), Header.get.destination(view, at)];
    const seq = Header.get.seq(view, at);
    this.engine.unreachable({ local: source, port, remote: destination, remotePort }, seq, code, mtu);
  }

  // What the engine needs

  now(): number {
    return this.stack.kernel.host.now();
  }
  random(into: Uint8Array): void {
    this.stack.sys.random(into);
  }
  alarm(at: number): void {
    this.#cancel?.();
    this.#cancel = this.stack.sys.callout(Math.max(0, at - this.now()), () => {
      this.#cancel = undefined;
      this.engine.run();
    });
  }
  readonly burst = BURST;
  mtu(remote: Address): number {
    return this.paths.limit(remote, this.stack.mtuTo(remote));
  }
  /** Of IPv6, its own ICMP has noted what can be believed. */
  learned(remote: Address, mtu: number): void {
    if (typeof remote === "number") this.paths.learn(remote, mtu, this.stack.mtuTo(remote));
  }
  send(to: Tuple & { readonly header?: HeaderOptions }, out: OutSegment, ring: Ring | undefined): SysError | undefined {
    const ip = this.#o = (typeof to.remote === "number" ? this.#ip : this.#ip6) as Filled;
    ip.source = to.local;
    ip.destination = to.remote;
    ip.ttl = to.header?.ttl;
    this.#ip.dontFragment = this.stack.ip.mtuDiscovery;
    ip.options = to.header?.options;
    ip.flow = to.header?.flow;
    ip.extras = to.header?.extras;
    ip.iface = to.header?.iface;
    ip.tos = out.ect ? ((to.header?.tos ?? 0) & ~ECN_MASK) | ECT_0 : to.header?.tos;
    this.#out = out;
    this.#ring = ring;
    this.#port = to.port;
    this.#remotePort = to.remotePort;
    this.#length = Header.size + out.optionLength + out.length;
    ip.largest = out.segment && Header.size + out.optionLength + out.segment;
    return this.stack.output(ip as Outgoing<Address>, this.#length, this.#fill);
  }
  readonly #fill = (p: Packet, at: number): void => {
    const out = this.#out;
    const data = out.write(p.view, p.bytes, at, this.#port, this.#remotePort);
    if (this.#ring) this.#ring.copy(out.from, out.length, p.bytes, data);
    // Who sends it completes it; what goes to ourselves passes no wire.
    p.view.setUint16(at + Header.at.checksum, pseudoChecksum(this.#length, this.#o), true);
    p.sumAt = at;
    p.sumOffset = Header.at.checksum;
    if (out.segment === 0) return;
    p.gso = typeof this.#o.destination === "number" ? HDR_GSO_TCPV4 : HDR_GSO_TCPV6;
    p.segment = out.segment;
  };
  listener({ local, port, remote, remotePort }: Tuple): TcpListener | undefined {
    const found = this.endpoints.find(local, port, remote, remotePort);
    if (found?.so.listening) return found;
    const { settings } = this.engine;
    if (settings.logRefused) this.stack.sys.log(`tcp: connection to port ${port} refused`);
    return undefined;
  }
}
/** What IP is told, to be filled in. */
const outgoing = <A extends Address>(any: A) => ({
  source: any,
  destination: any,
  protocol: IPPROTO_TCP,
  dontFragment: true,
  largest: 0,
  ttl: undefined as number | undefined,
  options: undefined as IpOptions | undefined,
  tos: undefined as number | undefined,
  flow: undefined as number | undefined,
  extras: undefined as Extras6 | undefined,
  iface: undefined as Interface | undefined,
});
type Filled = ReturnType<typeof outgoing<Address>>;
/** TCP's sockets. EOPNOTSUPP and the like are their own. */
export function tcpSockets(tcp: TcpProtocol): InetProtocol {
  return { type: SOCK_STREAM, protocol: IPPROTO_TCP, input: tcp, make: (_stack, so) => new TcpSocket(tcp, so) };
}
