import { describe, it } from "node:test";
import * as IPV6 from "../../src/abi/inet6_options.ts";
import { assert, assertEquals } from "../assert.ts";
import { pass } from "./helpers.ts";
import { attach6, hostOnWire, icmp6, icmp6Of, in6, inet6Host, ofType, udp6, wire } from "./helpers6.ts";

const [QUERY, REPORT1, DONE, REPORT2] = [130, 131, 132, 143];
const GROUP = "ff02::1234";
const mreq = (index: number) => new Uint8Array([...in6(GROUP), index, 0, 0, 0]);
const query = (
  milliseconds: number,
  group = "::",
) => [QUERY, 0, 0, 0, milliseconds >> 8, milliseconds & 255, 0, 0, ...in6(group), 2, 125, 0, 0];
const oldQuery = (milliseconds: number, group = "::") => query(milliseconds, group).slice(0, 24);
const fromRouter = { from: "fe80::99", to: "ff02::1", hops: 1 };
/** Kind of record and group, of reports of version 2. */
const records = (sent: readonly Uint8Array[]) =>
  ofType(sent, REPORT2).flatMap(({ message }) =>
    Array.from({ length: message[7]! }, (_, i) => [message[8 + 20 * i]!, message[8 + 20 * i + 4 + 15]!])
  );

async function member() {
  const host = await hostOnWire();
  await pass([host], 5000, 500);
  host.sent.length = 0;
  const s = await udp6(host.sys);
  const change = (name: number) => host.sys.setsockopt({ s, level: 41, name, val: mreq(host.iface.index) });
  return { ...host, join: () => change(IPV6.IPV6_JOIN_GROUP), leave: () => change(IPV6.IPV6_LEAVE_GROUP) };
}

describe("multicast listener discovery", () => {
  it("solicited-node groups are reported before their addresses are used", async () => {
    const w = wire();
    const host = await inet6Host();
    await attach6(host, "en0", w.device, "2001:db8::77/64");
    const kinds = w.sent.map(icmp6Of).map((m) => m?.type);
    assert(kinds.includes(REPORT2), String(kinds));
    const [report] = ofType(w.sent, REPORT2);
    // A router alert, one hop, from nobody yet.
    assertEquals([report!.to, report!.hops, report!.from, [...w.sent[0]!.slice(54, 62)]], [
      "ff02::16",
      1,
      "::",
      [58, 0, 5, 2, 0, 0, 1, 0],
    ]);
  });
  it("joining and leaving are reported twice, coming back ends that", async () => {
    const m = await member();
    m.join();
    await pass([m], 3000, 500);
    assertEquals(records(m.sent.splice(0)), [[4, 0x34], [4, 0x34]]);
    m.leave();
    assertEquals(records(m.sent), [[3, 0x34]]);
    await pass([m], 3000, 500);
    assertEquals(records(m.sent.splice(0)), [[3, 0x34], [3, 0x34]]);
    m.join();
    m.leave();
    m.join();
    await pass([m], 3000, 500);
    assertEquals(records(m.sent), [[4, 0x34], [3, 0x34], [4, 0x34], [4, 0x34]]);
  });
  it("a query is answered within its time, by all groups in one report", async () => {
    const m = await member();
    m.join();
    await pass([m], 3000, 500);
    m.sent.length = 0;
    m.inject(icmp6(fromRouter, query(1000)));
    m.inject(icmp6(fromRouter, query(1000)));
    assertEquals(m.sent.length, 0);
    await pass([m], 1000, 100);
    assertEquals([ofType(m.sent, REPORT2).length, records(m.sent)], [1, [[2, 1], [2, 0x34]]]);
  });
  it("a query for a group is answered by its members alone", async () => {
    const m = await member();
    m.join();
    await pass([m], 3000, 500);
    m.sent.length = 0;
    m.inject(icmp6({ ...fromRouter, to: GROUP }, query(1000, GROUP)));
    m.inject(icmp6({ ...fromRouter, to: "ff02::1" }, query(1000, "ff02::4321")));
    await pass([m], 1000, 100);
    assertEquals(records(m.sent), [[2, 0x34]]);
  });
  it("with an old router the old way is gone (RFC 2710)", async () => {
    const m = await member();
    m.inject(icmp6(fromRouter, oldQuery(100)));
    await pass([m], 500, 100);
    m.sent.length = 0;
    m.join();
    assertEquals(ofType(m.sent, REPORT1).map((r) => r.to), [GROUP]);
    m.leave();
    assertEquals(ofType(m.sent, DONE).map((r) => r.to), ["ff02::2"]);
    await pass([m], 300_000, 100_000);
    m.sent.length = 0;
    m.join();
    assertEquals([ofType(m.sent, REPORT1).length, records(m.sent).length], [0, 1]);
  });
  it("what another has reported need not be, to an old router", async () => {
    const m = await member();
    m.join();
    await pass([m], 3000, 500);
    m.sent.length = 0;
    m.inject(icmp6(fromRouter, oldQuery(1000)));
    m.inject(icmp6({ from: "fe80::55", to: GROUP, hops: 1 }, [REPORT1, 0, 0, 0, 0, 0, 0, 0, ...in6(GROUP)]));
    await pass([m], 2000, 100);
    assertEquals(ofType(m.sent, REPORT1).map((r) => r.to), ["ff02::1:ff00:1"]);
  });
  it("queries from afar are not answered", async () => {
    const m = await member();
    m.join();
    await pass([m], 3000, 500);
    m.sent.length = 0;
    m.inject(icmp6({ ...fromRouter, hops: 2 }, query(100)));
    m.inject(icmp6({ ...fromRouter, from: "2001:db8::99" }, query(100)));
    m.inject(icmp6(fromRouter, query(100).slice(0, 20)));
    await pass([m], 1000, 100);
    assertEquals(m.sent.length, 0);
  });
});
