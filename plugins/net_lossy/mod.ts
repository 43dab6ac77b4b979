/**
 * The interface `lossy`: any other Ethernet driver's, over a bad link. Its linkstr names the driver, what that one is attached
 * to, and what the link does to frames that are sent: `shmif:BUS?loss=1%&delay=10ms&seed=1`.
 */
import { WrapperDevice, type WrapperKind } from "../../src/lib/net_wrapper.ts";
import type { NetDriver } from "../../src/plugin.ts";
import { BadLink } from "./faults.ts";
import { type Link, parseLink } from "./options.ts";

const lossy: WrapperKind<Link> = {
  name: "lossy",
  parse: parseLink,
  begin: (sys, _name, { faults }) => new BadLink(sys, faults),
};
const driver: NetDriver = { kind: "net", name: "lossy", create: (sys, unit) => new WrapperDevice(lossy, sys, unit) };
export default driver;
