/** Text of ndp(8): what routers told, from bytes as the kernel gives them. */
import { describe, it } from "node:test";
import { sockaddrIn6 } from "../../src/abi/inet.ts";
import { In6Defrouter, In6Prefix, NDPRF_ONLINK, PRF_RA } from "../../src/abi/nd_structs.ts";
import { ND6_INFINITE_LIFETIME } from "../../src/abi/net_structs.ts";
import type { SyncCalls } from "../../src/cmd/client.ts";
import { prefixLines, routerLines } from "../../src/cmd/net/ndp_text.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals } from "../assert.ts";

const NOW = 1_000_000;
const names = { interfaceName: (i: number) => `shmif${i - 2}`, host: undefined, now: NOW };
/** A kernel whose every variable is these bytes. */
const answering = (raw: Uint8Array) =>
  ({
    __sysctl: ({ oldp, oldlenp }: { oldp: Uint8Array; oldlenp: Uint8Array }) => {
      oldp.set(raw);
      viewOf(oldlenp).setBigUint64(0, BigInt(raw.length), true);
    },
  }) as unknown as SyncCalls;
const sockaddr = (text: string, zone = 0) => sockaddrIn6(parseIpv6(text)!.in(zone), 0);

describe("ndp's text", () => {
  it("a default router has its interface, flags, preference and how long it lives", () => {
    const raw = new Uint8Array(In6Defrouter.size * 2);
    const [first, second] = [0, In6Defrouter.size];
    const rtaddr = sockaddr("fe80::1", 2);
    In6Defrouter.write(viewOf(raw), first, { rtaddr, flags: 0xc8, expire: NOW + 1790, ifIndex: 2 });
    In6Defrouter.write(viewOf(raw), second, { rtaddr, flags: 0x18, expire: 0, ifIndex: 3 });
    assertEquals(routerLines(answering(raw), names), [
      "fe80::1%shmif0 if=shmif0, flags=MO, pref=high, expire=29m50s\n",
      "fe80::1%shmif0 if=shmif1, flags=, pref=low, expire=Never\n",
    ]);
  });
  it("a prefix has flags, lives and who advertised it; what is cut off is not read", () => {
    const raw = new Uint8Array(In6Prefix.size + 28);
    In6Prefix.write(viewOf(raw), 0, {
      prefix: sockaddr("2001:db8:1::"),
      raflags: PRF_RA.ONLINK | PRF_RA.AUTONOMOUS,
      prefixlen: 64,
      vltime: ND6_INFINITE_LIFETIME,
      pltime: 604800,
      expire: NOW + 90061,
      flags: NDPRF_ONLINK,
      refcnt: 1,
      ifIndex: 2,
      advrtrs: 1,
    });
    raw.set(sockaddr("fe80::1", 2), In6Prefix.size);
    const lines = [
      "2001:db8:1::/64 if=shmif0\nflags=LAO vltime=infinity, pltime=604800, expire=1d1h1m1s, ref=1\n",
      "  advertised by\n",
      "    fe80::1%shmif0\n",
    ];
    assertEquals(prefixLines(answering(raw), names), lines);
    const cut = prefixLines(answering(raw.subarray(0, In6Prefix.size)), names);
    assertEquals(cut, [lines[0], "  No advertising router\n"]);
  });
});
