/**
 * nbd: disks of NBD servers (nbdkit, qemu-nbd, and what stands behind those): nbd://host[:port]/export and
 * nbd+unix:///export?socket=path, as nbd_connect_uri(3) has them. Without TLS.
 */
import { parseHostPort } from "../../src/lib/address.ts";
import type { DiskDriver, SocketAddress } from "../../src/plugin.ts";
import { NbdDisk } from "./disk.ts";
import { type Export, negotiate, Refused } from "./handshake.ts";
import { Stream } from "./stream.ts";

const PORT = 10809;

const driver: DiskDriver = {
  kind: "disk",
  name: "nbd",
  open(sys, _options, request) {
    const source = request?.source ?? "";
    const refuse = (why: string): never => {
      sys.log(`nbd: ${source}: ${why}`);
      throw sys.errno.EINVAL;
    };
    const place = parse(source);
    if (typeof place === "string") return refuse(place);
    const stream = new Stream(sys.sockets.connectBlocking(place.address), sys.errno.ECONNRESET);
    let e: Export;
    try {
      e = negotiate(stream, place.name);
    } catch (error) {
      stream.close();
      if (error instanceof Refused) return refuse(error.message);
      throw error;
    }
    return new NbdDisk(stream, e, sys.errno).device(source, request?.readOnly ?? false);
  },
};
export default driver;

interface Place {
  readonly address: SocketAddress;
  readonly name: string;
}
/** A string says what is wrong. */
function parse(url: string): Place | string {
  const unix = /^nbd\+unix:\/\/\/([^?]*)\?socket=(.+)$/.exec(url);
  const inet = /^nbd:\/\/(\[[^\]]*\]|[^/:]+)(?::(\d+))?(?:\/(.*))?$/.exec(url);
  try {
    if (unix) return { address: { path: decodeURIComponent(unix[2]!) }, name: decodeURIComponent(unix[1]!) };
    if (!inet) return "not like nbd://host/export or nbd+unix:///export?socket=path";
    return {
      address: parseHostPort(`${inet[1]}:${inet[2] ?? PORT}/`, "client", "nbd"),
      name: decodeURIComponent(inet[3] ?? ""),
    };
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
}
