/** getsockname(2) and getpeername(2) of hijacked programs. */
import { viewOf } from "../lib/struct.ts";
import { MAX_SOCKADDR, toLinux } from "./sockaddr.ts";
import type { Sockets, Stand } from "./stand.ts";
import type { Outcome, Stop } from "./stop.ts";

const nameBy = (call: "getsockname" | "getpeername") =>
async (
  { client }: Sockets,
  stop: Stop,
  stand: Stand,
): Promise<Outcome> => {
  const asa = new Uint8Array(MAX_SOCKADDR);
  const alen = new Uint8Array(4);
  viewOf(alen).setUint32(0, asa.length, true);
  await client.sys[call]({ fdes: stand.s, asa, alen });
  const told = viewOf(alen).getUint32(0, true);
  stop.writeCounted(stop.long(1), stop.long(2), toLinux(asa.subarray(0, told)));
  return 0;
};
export const getsockname = nameBy("getsockname");
export const getpeername = nameBy("getpeername");
