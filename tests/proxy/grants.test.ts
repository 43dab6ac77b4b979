/** What is kept from clients that may do only some things: interfaces, and files of the host they are attached to. */
import { describe, it } from "node:test";
import { SIOC } from "../../src/abi/sockio.ts";
import { guardOf, parseGrant } from "../../src/proxy/grants.ts";
import { assertEquals } from "../assert.ts";

function refused(grant: string, com: number): string {
  try {
    guardOf(parseGrant(grant))!("ioctl", { fd: 3, com, data: new Uint8Array(144) } as never);
    return "";
  } catch (e) {
    return (e as { code: string }).code;
  }
}
const names = ["SIOCSLINKSTR", "SIOCIFCREATE", "SIOCIFDESTROY", "SIOCAIFADDR", "SIOCSIFFLAGS", "SIOCSDRVSPEC"] as const;

describe("grants", () => {
  for (const grant of ["path=/pub", "ro"]) {
    for (const name of names) {
      it(`${grant}: ${name} is EPERM`, () => assertEquals(refused(grant, SIOC[name]), "EPERM"));
    }
    for (const name of ["SIOCGLINKSTR", "SIOCGIFFLAGS", "SIOCIFGCLONERS", "SIOCATMARK"] as const) {
      it(`${grant}: ${name} may be asked`, () => assertEquals(refused(grant, SIOC[name]), ""));
    }
  }
});
