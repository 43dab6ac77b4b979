/** Stream sockets in the loop, for servers. */
import type { Async, Channel, Listener, SocketAddress, Sockets } from "../plugin.ts";
import { type HostPort, isAddress } from "../lib/address.ts";
import { connectError, hostErrno, unknownHost } from "./errors.ts";
import { raw } from "./ffi.ts";
import { late } from "./late.ts";
import type { Loop } from "./host.ts";
import { LoopChannel } from "./loop_channel.ts";
import {
  acceptRaw,
  connectRaw,
  listenRaw,
  NONBLOCK,
  portOf,
  removeSocket,
  socketError,
  socketFile,
} from "./sockets_raw.ts";

const EAGAIN = -11;
/** Connections accepted in one go. */
const ACCEPTS = 64;
/** Milliseconds to wait when descriptors have run out. */
const RETRY_MS = 100;

function listener(fd: number, address: SocketAddress, loop: Loop, accept: (channel: Channel) => void): Listener {
  let open = true;
  const file = socketFile(address);
  const take = (): boolean => {
    for (let i = 0; i < ACCEPTS; i++) {
      const client = acceptRaw(fd);
      if (client === EAGAIN) return false;
      if (client < 0) {
        // EMFILE and the like: the connection stays in the queue; asking again at once would spin.
        loop.change(fd, { read: false, write: false });
        loop.timer(RETRY_MS, () => open && loop.change(fd, { read: true, write: false }));
        return false;
      }
      accept(new LoopChannel(client, loop));
    }
    return true;
  };
  loop.add(fd, { read: true, write: false }, take);
  const port = portOf(fd);
  return {
    ...(port === undefined ? {} : { port }),
    close() {
      if (!open) return;
      open = false;
      loop.remove(fd);
      raw.close(fd);
      removeSocket(address, file);
    },
  };
}

/** Connect without waiting in the system call: unix sockets are there at once, others when they become writable. */
function dial(address: SocketAddress, loop: Loop): Async<Channel> {
  let fd: number;
  try {
    fd = connectRaw(address, NONBLOCK);
  } catch (e) {
    throw hostErrno(e);
  }
  if ("path" in address) return new LoopChannel(fd, loop);
  loop.pending(1);
  const connected = new Promise<Channel>((resolve, reject) => {
    loop.add(fd, { read: false, write: true }, () => {
      loop.remove(fd);
      const error = socketError(fd);
      if (error) raw.close(fd);
      if (error) reject(error);
      else resolve(new LoopChannel(fd, loop));
      return false;
    });
  });
  return connected.finally(() => loop.pending(-1));
}
/** The same by name: the first of its addresses that answers. */
async function dialNamed({ host, port }: HostPort, loop: Loop): Promise<Channel> {
  let last: unknown = unknownHost(host);
  loop.pending(1);
  try {
    const found = await late("dns").promises.lookup(host, { all: true }).catch((e) => {
      throw connectError({ ...e, hostname: host });
    });
    for (const { address } of found) {
      try {
        return await dial({ host: address, port }, loop);
      } catch (e) {
        last = e;
      }
    }
    throw last;
  } finally {
    loop.pending(-1);
  }
}

/** Sockets whose descriptors live in `loop`. */
export function loopSockets(loop: Loop, { tls, connectBlocking }: Pick<Sockets, "tls" | "connectBlocking">): Sockets {
  return {
    listen: (address, accept) => listener(listenRaw(address), address, loop, accept),
    connect: (address) => "path" in address || isAddress(address.host) ? dial(address, loop) : dialNamed(address, loop),
    connectBlocking,
    tls,
  };
}
