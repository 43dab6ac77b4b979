/** Frames to and from one other end, each behind VXLAN's header in a datagram (RFC 7348, 5). */
import type { Datagrams, Input, NetDevice, Sys } from "../../src/plugin.ts";
import { parseIpv4 } from "../../src/lib/inet.ts";

const PORT = 4789;
const HEADER = 8;
const ETHER_HEADER = 14;
/** The flag that the VNI is valid. */
const VALID = 0x08;
const MAX_VNI = 0xff_ffff;
/** What is left of 1500 bytes behind IPv4's, UDP's, VXLAN's and Ethernet's headers. */
const MTU = 1450;
const MAX_MTU = 65_535 - 20 - 8 - HEADER - ETHER_HEADER;

interface End {
  readonly address: number;
  readonly port: number;
}
/** "10.0.0.1", "10.0.0.1:4789". Undefined: neither. */
function parseEnd(text: string): End | undefined {
  const m = /^([\d.]+)(?::(\d{1,5}))?$/.exec(text);
  const address = m ? parseIpv4(m[1]!) : undefined;
  const port = m?.[2] === undefined ? PORT : Number(m[2]);
  return address === undefined || port === 0 || port > 65_535 ? undefined : { address, port };
}
interface Tunnel {
  readonly vni: number;
  readonly remote: End;
  readonly local: End;
}
/** `vni=5,remote=10.0.0.2[:PORT][,local=10.0.0.1[:PORT]]`. Undefined: it is not. */
export function parseTunnel(text: string): Tunnel | undefined {
  const given = new Map(text.split(",").map((part) => part.split("=", 2) as [string, string]));
  const vni = /^\d{1,8}$/.test(given.get("vni") ?? "") ? Number(given.get("vni")) : -1;
  const remote = parseEnd(given.get("remote") ?? "");
  const local = parseEnd(given.get("local") ?? "0.0.0.0");
  const known = [...given.keys()].every((k) => k === "vni" || k === "remote" || k === "local");
  return !known || vni < 0 || vni > MAX_VNI || !remote || !local ? undefined : { vni, remote, local };
}

export class VxlanDevice implements NetDevice {
  readonly medium = "ethernet";
  readonly mtu = MTU;
  readonly maxMtu = MAX_MTU;
  mac: Uint8Array;
  linkstr: string | undefined;
  readonly #sys: Sys;
  readonly #name: string;
  readonly #out = new Uint8Array(65_536);
  #tunnel: Tunnel | undefined;
  #socket: Datagrams | undefined;
  #input: Input | undefined;

  constructor(sys: Sys, unit: number) {
    this.#sys = sys;
    this.#name = `vxlan${unit}`;
    this.mac = new Uint8Array(6);
    sys.random(this.mac);
    this.mac[0] = (this.mac[0]! & 0xfc) | 2;
  }
  /** EBUSY: it is up, or attached; EINVAL: not the name of a tunnel; errors of `Sys.datagrams`. */
  setLinkstr(to: string | undefined): void {
    const { errno, log, datagrams } = this.#sys;
    if (this.#input || (to !== undefined && this.#socket)) throw errno.EBUSY;
    if (to === undefined) return this.#detach();
    const tunnel = parseTunnel(to);
    if (!tunnel) {
      log(`${this.#name}: ${to}: not vni=NUMBER,remote=ADDRESS[:PORT][,local=ADDRESS[:PORT]]`);
      throw errno.EINVAL;
    }
    this.#socket = datagrams(tunnel.local.address, tunnel.local.port);
    this.#tunnel = tunnel;
    this.linkstr = to;
    this.#out.set([VALID, 0, 0, 0, tunnel.vni >> 16, (tunnel.vni >> 8) & 255, tunnel.vni & 255, 0]);
  }
  #detach(): void {
    this.#socket?.close();
    this.#socket = this.#tunnel = this.linkstr = undefined;
  }
  setMac(mac: Uint8Array): void {
    this.mac = mac.slice();
  }
  /** ENXIO: it has no tunnel yet. */
  up(input: Input): void {
    if (!this.#socket) throw this.#sys.errno.ENXIO;
    this.#input = input;
    this.#socket.receive((data, from) => this.#came(data, from.address));
  }
  down(): void {
    this.#input = undefined;
    this.#socket?.receive(undefined);
  }
  destroy(): void {
    this.down();
    this.#detach();
  }
  #came(data: Uint8Array, from: number): void {
    const tunnel = this.#tunnel;
    if (!tunnel || from !== tunnel.remote.address || data.length < HEADER + ETHER_HEADER) return;
    const vni = (data[4]! << 16) | (data[5]! << 8) | data[6]!;
    if ((data[0]! & VALID) !== 0 && vni === tunnel.vni) this.#input?.(data.subarray(HEADER));
  }
  output(frame: Uint8Array): void {
    const { errno } = this.#sys;
    if (!this.#socket || !this.#tunnel) throw errno.ENETDOWN;
    if (frame.length + HEADER > this.#out.length) throw errno.EMSGSIZE;
    this.#out.set(frame, HEADER);
    const { address, port } = this.#tunnel.remote;
    this.#socket.send(this.#out.subarray(0, HEADER + frame.length), address, port);
  }
}
