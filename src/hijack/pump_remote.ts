/** Moving data between a socket of a rump kernel elsewhere and what stands in for it, by calls of a client. */
import { errno } from "../abi/errno.ts";
import type { Host } from "../host/host.ts";
import type { AsyncClient } from "../proxy/client.ts";
import type { Attach } from "./stand.ts";

/** Bytes moved by one call. */
const PIECE = 64 << 10;
const SHUT_WR = 1;
const EAGAIN = -11;

/** See the head of this file: for streams. */
export const remotePump = (host: Host, client: AsyncClient): Attach => (s, fd) => {
  const { loop } = host;
  const standIns = host.standIns();
  return new Promise((resolve) => {
    let over = false;
    const waiting: { read?: (() => void) | undefined; write?: (() => void) | undefined } = {};
    const interest = () => loop.change(fd, { read: waiting.read !== undefined, write: waiting.write !== undefined });
    const ready = (which: "read" | "write") =>
      new Promise<void>((go) => {
        waiting[which] = go;
        interest();
      });
    const wake = (which: "read" | "write") => {
      const go = waiting[which];
      waiting[which] = undefined;
      go?.();
    };
    const end = (how: "closed" | "reset") => {
      if (over) return;
      over = true;
      loop.remove(fd);
      loop.settled();
      resolve(how);
    };
    loop.add(fd, { read: false, write: false }, ({ readable, writable, error }) => {
      loop.settled();
      if (readable || error) wake("read");
      if (writable || error) wake("write");
      if (error && !reading) end("closed");
      if (!over) interest();
      return false;
    });
    let reading = true;
    const toKernel = async () => {
      for (;;) {
        const { length, bytes } = standIns.receive(fd, PIECE, 0);
        if (length === EAGAIN) await ready("read");
        else if (length <= 0) break;
        else {
          const buf = bytes.slice();
          for (let at = 0; at < buf.length;) at += await client.sys.write({ fd: s, buf: buf.subarray(at) });
        }
      }
      reading = false;
      await client.sys.shutdown({ s, how: SHUT_WR });
    };
    const toProgram = async () => {
      const buf = new Uint8Array(PIECE);
      for (;;) {
        const n = await client.sys.read({ fd: s, buf });
        if (n === 0) break;
        for (let at = 0; at < n && !over;) {
          const sent = standIns.send(fd, buf.subarray(at, n), 0);
          if (sent === EAGAIN) await ready("write");
          else if (sent < 0) return end("closed");
          else at += sent;
        }
      }
      standIns.finish(fd);
    };
    const broken = (e: unknown) => end(e === errno.EPIPE ? "closed" : "reset");
    toKernel().catch(broken);
    toProgram().catch(broken);
  });
};
