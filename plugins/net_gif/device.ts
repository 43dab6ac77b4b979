/** A tunnel: what goes out is inside a packet to the other end (NetBSD: if_gif.c). */
import type { Input, NetDevice, Sys, Tunnel } from "../../src/plugin.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { endOf, Ifaliasreq, IfLaddrreq, Ifreq, SIOC, sockaddrOf } from "../../src/wire/if_gif.ts";

interface Ends {
  readonly local: string;
  readonly remote: string;
  readonly tunnel: Tunnel;
}

export class GifDevice implements NetDevice {
  readonly medium = "ip";
  /** What every link of IPv6 carries, whatever is around it (GIF_MTU); the largest has room for both headers. */
  readonly mtu = 1280;
  readonly maxMtu = 65_535 - 60;
  readonly #sys: Sys;
  #ends: Ends | undefined;
  #input: Input | undefined;

  constructor(sys: Sys) {
    this.#sys = sys;
  }
  up(input: Input): void {
    this.#input = input;
  }
  down(): void {
    this.#input = undefined;
  }
  destroy(): void {
    this.#close();
  }
  /** ENETDOWN: it has no ends; errors of `Tunnel.send`. */
  output(packet: Uint8Array): void {
    if (!this.#ends) throw this.#sys.errno.ENETDOWN;
    this.#ends.tunnel.send(packet);
  }
  ioctl(command: number, data: Uint8Array, superuser: boolean): void {
    const { errno } = this.#sys;
    switch (command) {
      case SIOC.SIOCSIFPHYADDR:
      case SIOC.SIOCSLIFPHYADDR: {
        if (!superuser) throw errno.EPERM;
        const s = command === SIOC.SIOCSIFPHYADDR ? Ifaliasreq : IfLaddrreq;
        return this.#attach(endOf(s.get.addr(viewOf(data), 0)), endOf(s.get.dstaddr(viewOf(data), 0)));
      }
      case SIOC.SIOCDIFPHYADDR:
        if (!superuser) throw errno.EPERM;
        return this.#close();
      case SIOC.SIOCGIFPSRCADDR:
        return Ifreq.set.addr(viewOf(data), 0, sockaddrOf(this.#have().local));
      case SIOC.SIOCGIFPDSTADDR:
        return Ifreq.set.addr(viewOf(data), 0, sockaddrOf(this.#have().remote));
      case SIOC.SIOCGLIFPHYADDR: {
        const { local, remote } = this.#have();
        IfLaddrreq.set.addr(viewOf(data), 0, sockaddrOf(local));
        return IfLaddrreq.set.dstaddr(viewOf(data), 0, sockaddrOf(remote));
      }
      default:
        throw errno.ENOTTY;
    }
  }
  #have(): Ends {
    if (!this.#ends) throw this.#sys.errno.EADDRNOTAVAIL;
    return this.#ends;
  }
  /** EINVAL: not two addresses; errors of `Sys.tunnel`: what was is kept. */
  #attach(local: string | undefined, remote: string | undefined): void {
    const { errno, tunnel } = this.#sys;
    if (local === undefined || remote === undefined) throw errno.EINVAL;
    if (this.#ends?.local === local && this.#ends.remote === remote) return;
    const made = tunnel(local, remote, (packet) => this.#input?.(packet));
    this.#close();
    this.#ends = { local, remote, tunnel: made };
  }
  #close(): void {
    this.#ends?.tunnel.close();
    this.#ends = undefined;
  }
}
