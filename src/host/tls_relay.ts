/**
 * TLS for a client that blocks, which node:tls cannot: a process of our own makes the connection and passes bytes on over a
 * socket pair. It is told, in a line of JSON, where and whom to believe; it says 0 and the binding, or 1 and why not; then
 * it is the stream.
 */
import process from "node:process";
import { errnoOf, SysError } from "../abi/errno.ts";
import type { Channel, Security, SocketAddress, TlsSockets } from "../plugin.ts";
import { raw } from "./ffi.ts";
import type { Host, Loop } from "./host.ts";
import { startOwn } from "./isolated.ts";
import { LoopChannel } from "./loop_channel.ts";
import { blockingChannel } from "./sockets_blocking.ts";
import { tlsEvents } from "./tls.ts";

/** The argument that makes our program the other end. */
export const RELAY = "--tls-relay";
/** Set in its environment: a program compiled together with us is started instead of our own, and must not start another. */
const STARTED = "RUMP_TLS_RELAY";
const BINDING = 32;
const [F_SETFL, NONBLOCK] = [4, 0o4000];
const utf8 = new TextEncoder();

interface Order {
  readonly address: SocketAddress;
  readonly security: Omit<Security, "fingerprint">;
  /** In place of bytes JSON does not know. */
  readonly fingerprint?: readonly number[];
}
interface Complaint {
  readonly errno?: number;
  readonly message: string;
}

/** Start a process that connects, and wait for it. */
export function relayed(self: Host["self"], now: () => number): TlsSockets["connectBlocking"] {
  return (address, { fingerprint, ...security }) => {
    if (process.env[STARTED]) throw new Error("a compiled program cannot wait for TLS");
    const channel = blockingChannel(startOwn(self, [RELAY], { env: { [STARTED]: "1" } }).fd, now);
    const order: Order = { address, security, ...(fingerprint ? { fingerprint: [...fingerprint] } : {}) };
    channel.send(utf8.encode(`${JSON.stringify(order)}\n`));
    const read = (n: number): Uint8Array => {
      const into = new Uint8Array(n);
      let at = 0;
      for (let got = -1; at < n && got !== 0; at += got) got = channel.receive(into.subarray(at));
      return into.subarray(0, at);
    };
    const binding = read(1)[0] === 0 ? read(BINDING) : undefined;
    if (binding?.length === BINDING) {
      return { send: channel.send, receive: channel.receive, within: channel.within!, close: channel.close, binding };
    }
    const complaint = new TextDecoder().decode(read(4096));
    channel.close();
    throw wrong(complaint === "" ? { message: "the process for TLS could not be started" } : JSON.parse(complaint));
  };
}
const wrong = ({ errno, message }: Complaint): Error => (errno === undefined ? new Error(message) : errnoOf(errno));

/** The other end: until either side hangs up. */
export async function relay(loop: Loop): Promise<number> {
  raw.fcntl(0, F_SETFL, NONBLOCK);
  const near = new LoopChannel(0, loop);
  const asked = firstLine(near, () => loop.stop());
  loop.pending(1); // until there is a stream, promises are what it is about
  const served = loop.run();
  const { address, fingerprint, security }: Order = JSON.parse(await asked);
  const believed = fingerprint ? { fingerprint: new Uint8Array(fingerprint) } : {};
  try {
    const far = await tlsEvents.connect(address, { ...security, ...believed });
    near.send(new Uint8Array([0, ...far.binding!]));
    join(near, far, () => loop.stop());
  } catch (e) {
    const { errno, message } = e as SysError;
    near.send(utf8.encode(`\x01${JSON.stringify({ ...(e instanceof SysError ? { errno } : {}), message })}`));
    near.close();
  }
  loop.pending(-1);
  await served;
  return 0;
}
function firstLine(from: Channel, gone: () => void): Promise<string> {
  let text = "";
  return new Promise((resolve) => {
    from.closed(gone);
    from.receive((bytes) => {
      text += new TextDecoder().decode(bytes);
      if (text.endsWith("\n")) resolve(text);
    });
  });
}
/** Both ways, no faster than either side takes it. */
function join(near: Channel, far: Channel, ended: () => void): void {
  let gone = false;
  near.receive((bytes) => void (far.send(bytes) || near.pause(true)));
  far.drained(() => near.pause(false));
  far.receive((bytes) => void (near.send(bytes) || far.pause(true)));
  near.drained(() => (gone ? near.close() : far.pause(false)));
  near.closed(() => {
    far.close();
    ended();
  });
  far.closed(() => {
    gone = true;
    if (near.send(new Uint8Array(0))) near.close();
  });
}
