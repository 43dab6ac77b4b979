/** Stream sockets in the runtime's event loop (node:net): for a kernel or a client inside somebody's program. */
import type { Server, Socket } from "node:net";
import type { Channel, Listener, SocketAddress, Sockets } from "../plugin.ts";
import { backlog } from "./backlog.ts";
import { connectError, hostErrno } from "./errors.ts";
import { late } from "./late.ts";
import { peerCredentials, takeOver } from "./sockets_raw.ts";

const where = (a: SocketAddress) => ("path" in a ? { path: a.path } : { host: a.host, port: a.port });

/** A connected socket of node:net or node:tls. */
export function socketChannel(socket: Socket): Channel {
  socket.setNoDelay?.(true);
  let onClosed = () => {};
  socket.on("error", () => {}); // `close` follows and is what is told
  const slow = { close: () => void socket.destroy() };
  socket.on("close", () => {
    backlog(slow, 0);
    onClosed();
  });
  socket.on("drain", () => backlog(slow, 0));
  const credentials = credentialsOf(socket);
  const peer = credentials
    ? `uid ${credentials.uid} pid ${credentials.pid}`
    : `${socket.remoteAddress ?? "local"}:${socket.remotePort ?? 0}`;
  return {
    send(...parts) {
      // node:net keeps what it cannot write: lent memory must be copied. In one piece: a write is a segment, or TLS record.
      const room = socket.write(parts.length === 1 ? parts[0]!.slice() : joined(parts));
      if (!room && !socket.destroyed) backlog(slow, socket.writableLength);
      return room;
    },
    // A Buffer is not quite a Uint8Array: its slice() and toString() are others.
    receive: (on) => void socket.on("data", (b) => void on(plain(b as Uint8Array))),
    drained: (on) => void socket.on("drain", on),
    pause: (stop) => void (stop ? socket.pause() : socket.resume()),
    close: () => void socket.destroy(),
    closed: (on) => void (onClosed = on),
    peer,
    ...(credentials ? { credentials } : {}),
  };
}
const plain = (b: Uint8Array) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
/** By the descriptor, where the runtime shows it. */
function credentialsOf(socket: Socket) {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  return typeof fd === "number" && fd >= 0 ? peerCredentials(fd) : undefined;
}

function listen(address: SocketAddress, accept: (channel: Channel) => void): Promise<Listener> {
  takeOver(address); // a live one is found by bind(2)
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const server: Server = late("net").createServer((socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      accept(socketChannel(socket));
    });
    server.on("error", (e) => reject(hostErrno(e)));
    server.listen(where(address), () => {
      resolve({
        ...portOf(server),
        close() {
          server.close();
          for (const socket of open) socket.destroy();
        },
      });
    });
  });
}
/** The port a server got. */
export function portOf(server: Server): Pick<Listener, "port"> {
  const at = server.address();
  return at !== null && typeof at === "object" ? { port: at.port } : {};
}
function dial(address: SocketAddress): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const socket = late("net").connect(where(address));
    socket.once("error", (e) => reject(connectError(e)));
    socket.once("connect", () => resolve(socketChannel(socket)));
  });
}

/** Sockets of the runtime's own event loop. */
export function eventSockets({ tls, connectBlocking }: Pick<Sockets, "tls" | "connectBlocking">): Sockets {
  return { listen, connect: dial, connectBlocking, tls };
}
