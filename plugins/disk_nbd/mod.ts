/**
 * nbd: disks of NBD servers (nbdkit, qemu-nbd, and what stands behind those): nbd://host[:port]/export and
 * nbd+unix:///export?socket=path; nbds and nbds+unix over TLS.
 */
import type { BlockDevice, DiskDriver, Sys } from "../../src/plugin.ts";
import { NbdDisk } from "./disk.ts";
import { greeted, negotiate, Refused } from "./handshake.ts";
import { Lasting } from "./lasting.ts";
import { type NbdOptions, options } from "./options.ts";
import { type Place, placeOf } from "./place.ts";
import { Stream } from "./stream.ts";
import { securityOf } from "./tls.ts";

const driver: DiskDriver<NbdOptions> = {
  kind: "disk",
  name: "nbd",
  options,
  apart: ({ reconnect }) => reconnect !== undefined,
  open(sys, given, request): BlockDevice {
    const source = request?.source ?? "";
    const place = placeOf(source);
    const refuse = (why: string): never => {
      sys.log(`nbd: ${source}: ${why}`);
      throw sys.errno.EINVAL;
    };
    if (typeof place === "string") return refuse(place);
    try {
      const open = () => connected(sys, place, given);
      const how = { name: source, readOnly: request?.readOnly ?? false };
      const seconds = given.reconnect;
      if (seconds !== undefined) return new Lasting(sys, open, { ...how, seconds }).device();
      return open().device(how.name, how.readOnly);
    } catch (e) {
      if (e instanceof Refused) return refuse(e.message);
      throw e;
    }
  },
};
export default driver;

/** Connect, and have the export opened. Throws Refused, or an errno of the connection. */
function connected(sys: Sys, place: Place, given: NbdOptions): NbdDisk {
  const { connectBlocking, tls } = sys.sockets;
  const security = place.secure ? securityOf(sys, place, given) : undefined;
  const channel = said(() => security ? tls.connectBlocking(place.address, security) : connectBlocking(place.address));
  const stream = new Stream(channel, sys.errno.ECONNRESET);
  const patience = stream.patienceMs;
  // One that is about to end takes connections and says nothing: there may be another one soon.
  if (given.reconnect !== undefined) stream.patienceMs = GREETING_MS;
  try {
    // Over TLS the greeting is behind us.
    const opened = negotiate(stream, place.name, security ? undefined : greeted(stream));
    stream.patienceMs = patience;
    return new NbdDisk(stream, opened, sys.errno);
  } catch (e) {
    stream.close();
    throw security && !security.cert && e === sys.errno.ECONNRESET ? new Refused(ANONYMOUS) : e;
  }
}
const GREETING_MS = 2000;
/** In TLS 1.3 a server looks at a client's certificate when the client thinks all is well. */
const ANONYMOUS = "the server hangs up: it may want to know who we are (#cert=...&key=...)";
/** What TLS says is wrong is said to the user; failures of the connection are errno. */
function said<T>(connect: () => T): T {
  try {
    return connect();
  } catch (e) {
    const isErrno = typeof (e as { errno?: unknown }).errno === "number" ||
      typeof (e as { code?: unknown }).code === "string";
    throw isErrno ? e : new Refused((e as Error).message);
  }
}
