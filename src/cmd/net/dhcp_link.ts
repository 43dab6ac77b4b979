/** How a DHCP client sends and receives on an interface that has no address yet: whole frames, by bpf(4). */
import { BIOC, DLT, programRequest } from "../../abi/bpf.ts";
import { errno } from "../../abi/errno.ts";
import { O_RDWR } from "../../abi/flags.ts";
import { Ifreq } from "../../abi/net_structs.ts";
import { complement, sum, swapped } from "../../lib/checksum.ts";
import { viewOf } from "../../lib/struct.ts";
import { DHCP_PORTS } from "../../wire/dhcp.ts";
import { IPPROTO_UDP, Ipv4, Udp } from "../../wire/ipv4.ts";
import { compileFilter } from "../../wire/pcap_filter.ts";
import { Failure } from "../cli.ts";
import { request } from "./if_request.ts";
import { packetsIn } from "./pcap.ts";
import { type Client, type Interrupt, within } from "./probe_socket.ts";

const ETHER = 14;
const HEADERS = ETHER + Ipv4.size + Udp.size;
const IP = [0x08, 0x00] as const;
const TTL = 64;
const BUFFER = 32 << 10;
const SNAP = 2048;

/** Where a datagram goes, or came from. */
export interface LinkEnd {
  readonly mac: Uint8Array;
  readonly address: number;
}
interface FromLink {
  readonly from: LinkEnd;
  readonly data: Uint8Array;
}
type Sys = Client["sys"];
export class DhcpLink {
  readonly #sys: Sys;
  readonly #fd: number;
  readonly #buffer: Uint8Array;
  #pending: Promise<number> | undefined;

  private constructor(sys: Sys, fd: number, room: number) {
    this.#sys = sys;
    this.#fd = fd;
    this.#buffer = new Uint8Array(room);
  }
  /** Throws Failure where there is no bpf, or no Ethernet. */
  static async open({ sys }: Client, name: string): Promise<DhcpLink> {
    const fd = await openBpf(sys);
    const room = await number(sys, fd, BIOC.BIOCSBLEN, BUFFER);
    await number(sys, fd, BIOC.BIOCIMMEDIATE, 1);
    await number(sys, fd, BIOC.BIOCSSEESENT, 0);
    await sys.ioctl({ fd, com: BIOC.BIOCSETIF, data: request(Ifreq, { name }) });
    if (await number(sys, fd, BIOC.BIOCGDLT, 0) !== DLT.EN10MB) throw new Failure("no Ethernet interface");
    const program = compileFilter(`ip and udp dst port ${DHCP_PORTS.client}`, DLT.EN10MB, SNAP);
    await sys.ioctl({ fd, com: BIOC.BIOCSETF, data: programRequest(program) });
    return new DhcpLink(sys, fd, room);
  }
  async send(from: LinkEnd, to: LinkEnd, data: Uint8Array): Promise<void> {
    await this.#sys.write({ fd: this.#fd, buf: frameOf(from, to, data) });
  }
  /** What comes next; nothing: not in `ms`, or it was interrupted. */
  async next(ms: number, interrupt: Interrupt): Promise<FromLink[]> {
    this.#pending ??= Promise.resolve(this.#sys.read({ fd: this.#fd, buf: this.#buffer }));
    const n = await within(this.#pending, ms, interrupt);
    if (n === undefined) return [];
    this.#pending = undefined;
    const frames = [...packetsIn(this.#buffer.subarray(0, n))];
    return frames.flatMap(({ kept }) => datagramIn(kept) ?? []);
  }
}
async function number(sys: Sys, fd: number, com: number, n: number): Promise<number> {
  const data = new Uint8Array(4);
  viewOf(data).setUint32(0, n, true);
  await sys.ioctl({ fd, com, data });
  return viewOf(data).getUint32(0, true);
}
async function openBpf(sys: Sys): Promise<number> {
  try {
    return await sys.open({ path: "/dev/bpf", flags: O_RDWR, mode: 0 });
  } catch (e) {
    if (e !== errno.ENOENT && e !== errno.ENXIO && e !== errno.ENOSYS) throw e;
    throw new Failure("the server has no bpf: start it with -l rumpdev_bpf");
  }
}
/** A UDP datagram from the client's port to the server's, as a frame. */
function frameOf(from: LinkEnd, to: LinkEnd, data: Uint8Array): Uint8Array {
  const length = HEADERS + data.length;
  const words = new Int32Array((length + 3) >>> 2);
  const bytes = new Uint8Array(words.buffer);
  const d = viewOf(bytes);
  const [ip, udp] = [ETHER, ETHER + Ipv4.size];
  bytes.set([...to.mac, ...from.mac, ...IP]);
  const ends = { source: from.address, destination: to.address };
  Ipv4.write(d, ip, { versionIhl: 0x45, length: length - ip, ttl: TTL, protocol: IPPROTO_UDP, ...ends });
  Udp.write(d, udp, { source: DHCP_PORTS.client, destination: DHCP_PORTS.server, length: length - udp });
  bytes.set(data, HEADERS);
  const summed = { bytes, words };
  d.setUint16(ip + Ipv4.at.checksum, complement(sum(summed, ip, Ipv4.size)), true);
  const pseudo = sum(summed, ip + Ipv4.at.source, 8) + swapped(IPPROTO_UDP) + swapped(length - udp);
  d.setUint16(udp + Udp.at.checksum, complement(pseudo + sum(summed, udp, length - udp)) || 0xffff, true);
  return bytes.subarray(0, length);
}
/**
 * The datagram in a frame; undefined: it does not fit. Checksums are not looked at: a host's own virtual devices hand on
 * frames that have none yet.
 */
function datagramIn(frame: Uint8Array): FromLink | undefined {
  if (frame.length < HEADERS) return undefined;
  const d = viewOf(frame);
  const header = (Ipv4.get.versionIhl(d, ETHER) & 15) * 4;
  const udp = ETHER + header;
  if (header < Ipv4.size || udp + Udp.size > frame.length) return undefined;
  const end = udp + Udp.get.length(d, udp);
  if (end < udp + Udp.size || end > frame.length) return undefined;
  const from = { mac: frame.slice(6, 12), address: Ipv4.get.source(d, ETHER) };
  return { from, data: frame.slice(udp + Udp.size, end) };
}
