/** The interface `lo`: what is sent comes back. The stack itself does that; the device says what there is (lo(4)). */
import type { NetDriver } from "../../src/plugin.ts";

/** As large as an IP packet can be: nothing need be cut. NetBSD's is 33624. */
const MTU = 65_535;

const driver: NetDriver = {
  kind: "net",
  name: "lo",
  create: () => ({ medium: "loopback", mtu: MTU, up() {}, output() {}, down() {} }),
};
export default driver;
