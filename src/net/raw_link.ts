/** Links without frames: IP packets as they are, and the loopback interface, where what is sent comes back. */
import type { SysError } from "../abi/errno.ts";
import type { Offload } from "../lib/offload.ts";
import type { Interface, Link } from "./interface.ts";
import { adopt, complete } from "./offload.ts";
import type { Packet } from "./packet.ts";
import type { Stack } from "./stack.ts";

/** See the head of this file; one for all interfaces of a stack. */
export class RawLink implements Link {
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }
  output(p: Packet, iface: Interface): SysError | undefined {
    if (iface.loopback) this.#back(p, iface);
    else {
      iface.transmit(p);
      this.#stack.packets.put(p);
    }
    return undefined;
  }
  #back(p: Packet, iface: Interface): void {
    if (iface.taps.any) {
      complete(p);
      iface.taps.tell(p.bytes.subarray(p.start, p.end), true);
    }
    iface.counters.outPackets++;
    iface.counters.outBytes += p.length;
    iface.counters.inPackets++;
    iface.counters.inBytes += p.length;
    p.iface = iface;
    this.#stack.later(() => this.#stack.input(p));
  }
  input(frame: Uint8Array, iface: Interface, offload?: Offload): void {
    const { packets } = this.#stack;
    const p = packets.copy(frame, 0);
    if (!p || (offload && !adopt(p, offload))) {
      if (p) packets.put(p);
      return void iface.counters.inErrors++;
    }
    p.iface = iface;
    this.#stack.input(p);
  }
  changed(iface: Interface): void {
    this.#stack.ip6?.changed(iface);
    if (iface.up) this.#stack.igmp.up(iface);
  }
}
