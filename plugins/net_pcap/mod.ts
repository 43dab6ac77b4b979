/**
 * The interface `pcap`: any other Ethernet driver's, whose frames are written to a file of the host as well, in and out, as
 * pcapng. Its linkstr names the driver, what that one is attached to, and the file: `shmif:BUS?file=net.pcapng&size=64m`.
 */
import { WrapperDevice, type WrapperKind } from "../../src/lib/net_wrapper.ts";
import type { NetDriver } from "../../src/plugin.ts";
import { parseRecorded, type Recorded } from "./options.ts";
import { Recorder } from "./recorder.ts";

const pcap: WrapperKind<Recorded> = {
  name: "pcap",
  parse: parseRecorded,
  begin: (sys, name, link) => new Recorder(sys, name, link),
};
const driver: NetDriver = { kind: "net", name: "pcap", create: (sys, unit) => new WrapperDevice(pcap, sys, unit) };
export default driver;
