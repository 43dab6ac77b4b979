/** The sockets of a kernel: which address families there are, and making sockets of them (NetBSD: uipc_domain.c). */
import { errno } from "../abi/errno.ts";
import type { Kernel } from "../kern/kernel.ts";
import type { Lwp } from "../kern/proc.ts";
import type { Domain } from "./protocol.ts";
import { Socket, type SocketWorld } from "./socket.ts";

export class Net implements SocketWorld {
  readonly kernel: Kernel;
  readonly callout: SocketWorld["callout"];
  readonly soon: SocketWorld["soon"];
  readonly sockets = new Set<Socket>();
  readonly limits: SocketWorld["limits"] = { somaxconn: 128, sbmax: 4 << 20 };
  /** Set by who has interfaces. */
  interfaceIoctl: SocketWorld["interfaceIoctl"] = () => {
    throw errno.ENOTTY;
  };
  readonly #domains = new Map<number, Domain>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.callout = kernel.sys.callout;
    this.soon = (fn) => kernel.host.soon(fn);
  }
  add(domain: Domain): void {
    if (this.#domains.has(domain.family)) throw new Error(`address family ${domain.family} is there already`);
    this.#domains.set(domain.family, domain);
  }
  domain(family: number): Domain {
    const domain = this.#domains.get(family);
    if (!domain) throw errno.EAFNOSUPPORT;
    return domain;
  }
  /** `type` without flags. */
  create(family: number, type: number, protocol: number, lwp?: Lwp): Socket {
    return new Socket(family, type, this.domain(family).attach(type, protocol, lwp), this);
  }
}
