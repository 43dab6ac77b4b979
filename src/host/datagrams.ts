/** UDP sockets of the host (Linux), many datagrams read a wake-up. */
import { errno } from "../abi/errno.ts";
import type { Datagrams, OpenDatagrams } from "../lib/datagrams.ts";
import { check, hostErrno } from "./errors.ts";
import { darwin, pin, raw, result } from "./ffi.ts";
import type { Pinned } from "./host.ts";
import type { Watch } from "./readers.ts";

const AF_INET = 2;
const DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const LONGEST = 65_536;
/** struct sockaddr_in: family, port, address; where it stands behind the data, and its length behind it. */
const SOCKADDR = 16;
const AT = LONGEST;
const LENGTH_AT = LONGEST + SOCKADDR;
const BATCH = 32;

/** Memory of a call, shared by all sockets. */
let memory: Pinned | undefined;
function name({ view }: Pinned, address: number, port: number): void {
  view.setUint16(AT, AF_INET, true);
  view.setUint16(AT + 2, port);
  view.setUint32(AT + 4, address);
  view.setUint32(AT + 8, 0);
  view.setUint32(AT + 12, 0);
}

class UdpSocket implements Datagrams {
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #memory: Pinned;
  #on: Parameters<Datagrams["receive"]>[0];
  #stop: (() => void) | undefined;

  constructor(fd: number, watch: Watch, m: Pinned) {
    this.#fd = fd;
    this.#watch = watch;
    this.#memory = m;
  }
  receive(on: Parameters<Datagrams["receive"]>[0]): void {
    this.#on = on;
    this.#stop?.();
    this.#stop = on && this.#watch(this.#fd, () => this.#read());
  }
  #read(): boolean {
    const { bytes, view, address } = this.#memory;
    for (let i = 0; i < BATCH && this.#on; i++) {
      view.setUint32(LENGTH_AT, SOCKADDR, true);
      const n = raw.recvfrom(this.#fd, address, LONGEST, 0, address + AT, address + LENGTH_AT);
      if (n < 0) return i > 0;
      this.#on(bytes.subarray(0, n), { address: view.getUint32(AT + 4), port: view.getUint16(AT + 2) });
    }
    return true;
  }
  send(data: Uint8Array, address: number, port: number): void {
    if (data.length > LONGEST) throw errno.EMSGSIZE;
    const m = this.#memory;
    name(m, address, port);
    m.bytes.set(data);
    if (raw.sendto(this.#fd, m.address, data.length, 0, m.address + AT, SOCKADDR) < 0) fail(-1);
  }
  close(): void {
    this.receive(undefined);
    raw.close(this.#fd);
  }
}
function fail(r: number): number {
  try {
    return check(result(r));
  } catch (e) {
    throw hostErrno(e);
  }
}
/** UDP sockets that `watch` reads. */
export const datagrams = (watch: Watch): OpenDatagrams => (address, port) => {
  if (darwin) throw errno.EOPNOTSUPP;
  const m = (memory ??= pin(LENGTH_AT + 4));
  const fd = fail(raw.socket(AF_INET, DGRAM_NONBLOCK_CLOEXEC, 0));
  name(m, address, port);
  try {
    fail(raw.bind(fd, m.bytes.subarray(AT, AT + SOCKADDR), SOCKADDR));
  } catch (e) {
    raw.close(fd);
    throw e;
  }
  return new UdpSocket(fd, watch, m);
};
