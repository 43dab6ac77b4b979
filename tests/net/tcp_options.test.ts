/** What TCP_INFO tells, and options of IP's header beside TCP. */
import { describe, it } from "node:test";
import { AF_INET, SOCK_STREAM } from "../../src/abi/flags.ts";
import { TcpInfo } from "../../src/abi/tcp_info.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals } from "../assert.ts";
import { int, settle, sin, twoHosts } from "./helpers.ts";
import { pattern } from "./tcp_sim.ts";

const tcp = (sys: Calls) => sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;

describe("TCP_INFO", () => {
  it("tells of a connection what it is like, and of a listener that it is one", async () => {
    const { a, b } = await twoHosts();
    const [l, c] = [tcp(b.sys), tcp(a.sys)];
    await b.sys.bind({ s: l, name: sin("10.0.0.2", 80) });
    b.sys.listen({ s: l, backlog: 1 });
    await a.sys.connect({ s: c, name: sin("10.0.0.2", 80) });
    const info = (sys: Calls, s: number) => {
      const val = new Uint8Array(TcpInfo.size);
      const avalsize = int(val.length);
      sys.getsockopt({ s, level: 6, name: 9, val, avalsize });
      assertEquals(viewOf(avalsize).getInt32(0, true), 236);
      return viewOf(val);
    };
    const { get } = TcpInfo;
    assertEquals(get.state(info(b.sys, l), 0), 1);
    const d = info(a.sys, c);
    assertEquals([get.state(d, 0), get.options(d, 0), get.sndMss(d, 0)], [4, 7, 1448]);
    assert(get.rto(d, 0) >= 200_000 && get.sndWnd(d, 0) > 0 && get.sndCwnd(d, 0) >= 14_480);
    await a.sys.write({ fd: c, buf: new Uint8Array(1000) });
    await settle();
    assertEquals(get.sndNxt(info(a.sys, c), 0) - get.sndNxt(d, 0), 1000);
  });
});

describe("options of IP's header", () => {
  it("of a connection take their room from its segments", async () => {
    const lengths: number[] = [];
    const { a, b } = await twoHosts((f, from) => {
      if (from === 0 && f[23] === 6) lengths.push(f.length);
      return [f];
    });
    const [l, c] = [tcp(b.sys), tcp(a.sys)];
    await b.sys.bind({ s: l, name: sin("10.0.0.2", 80) });
    b.sys.listen({ s: l, backlog: 1 });
    a.sys.setsockopt({ s: c, level: 0, name: 1, val: new Uint8Array([7, 39, 4, ...new Array(37).fill(0)]) });
    await a.sys.connect({ s: c, name: sin("10.0.0.2", 80) });
    const k = await b.sys.accept({ s: l }) as number;
    const data = pattern(20_000);
    await a.sys.write({ fd: c, buf: data });
    const into = new Uint8Array(20_000);
    for (let n = 0; n < data.length;) n += await b.sys.read({ fd: k, buf: into.subarray(n) }) as number;
    assertEquals(into, data);
    assertEquals(Math.max(...lengths), 1514);
    assertEquals(a.stack.ip.counters.fragmented, 0);
  });
});
