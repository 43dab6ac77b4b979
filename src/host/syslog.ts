/** The system's log: a datagram to /dev/log (syslog, journal), facility daemon, by a socket that stays open. */
import process from "node:process";
import { raw, result, views } from "./ffi.ts";

const PATH = "/dev/log";
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const CLOEXEC = 0o2000000;
const NONBLOCK = 0o4000;
/** RFC 3164: facility daemon (3), severity notice (5). */
const PRIORITY = 3 * 8 + 5;
/** Longest message all take. */
const MOST = 2000;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function stamp(now: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const clock = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(":");
  return `${months[now.getMonth()]} ${String(now.getDate()).padStart(2)} ${clock}`;
}

/** A function that logs a line under a program's name; undefined: there is no log here. A full log loses lines, and never waits. */
export function syslog(program: string): ((line: string) => void) | undefined {
  const fd = result(raw.socket(AF_UNIX, SOCK_DGRAM | CLOEXEC | NONBLOCK, 0));
  if (fd < 0) return undefined;
  const address = new Uint8Array(110);
  address[0] = AF_UNIX; // sa_family_t, little endian
  address.set(new TextEncoder().encode(PATH), 2);
  if (result(raw.connect(fd, address, 2 + PATH.length + 1)) < 0) {
    raw.close(fd);
    return undefined;
  }
  return (line) => {
    const text = `<${PRIORITY}>${stamp(new Date())} ${program}[${process.pid}]: ${line}`;
    const bytes = new TextEncoder().encode(text).subarray(0, MOST);
    views.write(fd, bytes, bytes.length);
  };
}
