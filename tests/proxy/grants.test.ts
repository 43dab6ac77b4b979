/** What is kept from clients that may do only some things: interfaces, and files of the host they are attached to. */
import { describe, it } from "node:test";
import { AF_INET, AF_ROUTE } from "../../src/abi/flags.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { guardOf, parseGrant } from "../../src/proxy/grants.ts";
import { assertEquals } from "../assert.ts";

const refused = (grant: string, com: number) => refusedCall(grant, "ioctl", { fd: 3, com, data: new Uint8Array(144) });
function refusedCall(grant: string, name: string, args: object): string {
  try {
    guardOf(parseGrant(grant))!(name, args as never);
    return "";
  } catch (e) {
    return (e as { code: string }).code;
  }
}
const names = ["SIOCSLINKSTR", "SIOCIFCREATE", "SIOCIFDESTROY", "SIOCAIFADDR", "SIOCSIFFLAGS", "SIOCSDRVSPEC"] as const;

/** <sys/sysctl.h> */
const CTL = { QUERY: -2, CREATE: -3, DESTROY: -5, DESCRIBE: -7 };

describe("grants", () => {
  for (const grant of ["path=/pub", "ro"]) {
    for (const name of names) {
      it(`${grant}: ${name} is EPERM`, () => assertEquals(refused(grant, SIOC[name]), "EPERM"));
    }
    it(`${grant}: no routing socket, by which routes are changed; others there are`, () => {
      const [route, inet] = [AF_ROUTE, AF_INET].map((domain) =>
        refusedCall(grant, "socket", { domain, type: 3, protocol: 0 })
      );
      assertEquals([route, inet], ["EPERM", ""]);
    });
    for (const name of ["SIOCGLINKSTR", "SIOCGIFFLAGS", "SIOCIFGCLONERS", "SIOCATMARK"] as const) {
      it(`${grant}: ${name} may be asked`, () => assertEquals(refused(grant, SIOC[name]), ""));
    }
    it(`${grant}: names of variables may be asked for, none is set or made`, () => {
      const sysctl = (last: number) => {
        const name = new Uint8Array(Int32Array.of(1, last).buffer);
        return refusedCall(grant, "__sysctl", { name, newp: new Uint8Array(144) });
      };
      const no = "EPERM";
      assertEquals([CTL.QUERY, CTL.CREATE, CTL.DESTROY, CTL.DESCRIBE, 10].map(sysctl), ["", no, no, no, no]);
    });
  }
});
