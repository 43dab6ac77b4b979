/** bridge(4): frames go where their station was heard; what brconfig(8) asks and changes. */
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, SOCK_STREAM } from "../../src/abi/flags.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { BRDG, Ifbareq, IFBIF, Ifbreq, Ifbrparam, Ifdrv } from "../../src/wire/if_bridge.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { control, ifreq, inetSocket } from "./control.ts";
import { attach, bytes, cable, inetHost, netKernel, pass, settle, sin, text, udpSocket } from "./helpers.ts";

const fails = (fn: () => unknown, e: SysError) => void assertThrows(fn, SysError, e.message);
type Sys = Awaited<ReturnType<typeof netKernel>>["sys"];

/** A command of brconfig; what is behind its struct ifdrv afterwards, as long as that says. */
function command(sys: Sys, command: number, more: Uint8Array, get = false): Uint8Array {
  const data = new Uint8Array(Ifdrv.size + more.length);
  Ifdrv.write(viewOf(data), 0, { name: "bridge0", command, length: more.length });
  data.set(more, Ifdrv.size);
  void control(sys, inetSocket(sys), get ? "SIOCGDRVSPEC" : "SIOCSDRVSPEC", data);
  return data.subarray(Ifdrv.size, Ifdrv.size + Ifdrv.get.length(viewOf(data), 0));
}
function member(name: string, flags = 0): Uint8Array {
  const req = new Uint8Array(Ifbreq.size);
  Ifbreq.write(viewOf(req), 0, { name, flags });
  return req;
}
function number(value: number): Uint8Array {
  const req = new Uint8Array(Ifbrparam.size);
  Ifbrparam.write(viewOf(req), 0, { value });
  return req;
}
/** The table: address, member, whether it was set. */
function table(sys: Sys) {
  const all = command(sys, BRDG.RTS, new Uint8Array(100 * Ifbareq.size), true);
  const { get } = Ifbareq;
  return Array.from({ length: all.length / Ifbareq.size }, (_, i) => {
    const [d, at] = [viewOf(all), i * Ifbareq.size];
    return `${get.address(d, at)[5]} ${get.name(d, at)} ${get.flags(d, at)}`;
  });
}
/** Hosts a, b and c, each on a cable to a bridge between them (en0, en1, en2); how many frames went to c. */
async function bridged() {
  let toC = 0;
  const made = await netKernel("rumpnet_netinet", "rumpnet_bridge");
  const stack = stackOf(made.kernel);
  const hosts = [];
  for (const i of [0, 1, 2]) {
    const [there, here] = cable((f, end) => {
      if (i === 2 && end === 1) toC++;
      return [f];
    });
    // Each end of a cable has an address of its own.
    there!.mac![4] = i + 1;
    here!.mac![4] = i + 1;
    there!.mac![5] = 10 + i;
    const host = await inetHost();
    await attach(host, "en0", there!, `10.0.0.${i + 1}/24`);
    hosts.push(host);
    await stack.setFlags(stack.attach(`en${i}`, here!), 1);
  }
  const { sys } = made;
  await control(sys, inetSocket(sys), "SIOCIFCREATE", ifreq("bridge0"));
  for (const i of [0, 1, 2]) command(sys, BRDG.ADD, member(`en${i}`));
  await stack.setFlags(stack.interface("bridge0"), 1);
  await settle();
  /** Give an interface the address 10.0.0.9. */
  const give = async (name: string) => {
    const address = { address: 0x0a00_0009, mask: 0xffff_ff00, broadcast: 0x0a00_00ff };
    await stack.addAddress(stack.interface(name), address);
    await pass([made], 10_000);
  };
  return { sys, stack, host: made.host, hosts, give, toC: () => toC };
}
async function hello(from: Sys, to: { readonly sys: Sys; readonly address: string }): Promise<string> {
  const r = await udpSocket(to.sys, 9);
  const s = await udpSocket(from);
  await from.sendto({ s, buf: bytes("hello"), flags: 0, to: sin(to.address, 9) });
  await settle();
  const buf = new Uint8Array(10);
  const n = await to.sys.recvfrom({ s: r, buf, flags: 0 }) as number;
  await to.sys.close({ fd: r });
  return text(buf.subarray(0, n));
}

describe("bridge", () => {
  it("hosts on its members are on one link", async () => {
    const { hosts: [a, b] } = await bridged();
    assertEquals(await hello(a!.sys, { sys: b!.sys, address: "10.0.0.2" }), "hello");
  });
  it("learns who is where, and sends only there", async () => {
    const { hosts: [a, b], sys, toC } = await bridged();
    await hello(a!.sys, { sys: b!.sys, address: "10.0.0.2" });
    const flooded = toC();
    for (let i = 0; i < 5; i++) await hello(a!.sys, { sys: b!.sys, address: "10.0.0.2" });
    assertEquals([toC() - flooded, table(sys).filter((r) => !r.startsWith("12")).sort()], [0, [
      "10 en0 0",
      "11 en1 0",
    ]]);
  });
  it("what it learned is forgotten after the timeout", async () => {
    const { hosts: [a, b], sys, host } = await bridged();
    command(sys, BRDG.STO, number(5));
    await hello(a!.sys, { sys: b!.sys, address: "10.0.0.2" });
    host.clock += 6000;
    assertEquals(table(sys), []);
  });
  it("addresses that are set stay where they are, and no more are learned than there is room for", async () => {
    const { hosts: [a, b], sys } = await bridged();
    command(sys, BRDG.FLUSH, member("", 1));
    command(sys, BRDG.SCACHE, number(1));
    const req = new Uint8Array(Ifbareq.size);
    Ifbareq.write(viewOf(req), 0, { name: "en2", address: new Uint8Array([0, 1, 2, 3, 4, 99]) });
    command(sys, BRDG.SADDR, req);
    await hello(a!.sys, { sys: b!.sys, address: "10.0.0.2" });
    assertEquals(table(sys), ["99 en2 1"]);
  });
  it("an address of a member is reached from all of them", async () => {
    const { hosts: [a], sys, give } = await bridged();
    await give("en1");
    assertEquals(await hello(a!.sys, { sys, address: "10.0.0.9" }), "hello");
  });
  it("an address of a member reaches hosts on the others, and so does one of the bridge", async () => {
    for (const name of ["en1", "bridge0"]) {
      const { hosts: [a], sys, give } = await bridged();
      await give(name);
      assertEquals(await hello(sys, { sys: a!.sys, address: "10.0.0.1" }), "hello", name);
    }
  });
  it("TCP crosses it: what is handed over as one is cut for members that cannot", async () => {
    const { hosts: [a, b] } = await bridged();
    const l = b!.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await b!.sys.bind({ s: l, name: sin("10.0.0.2", 80) });
    b!.sys.listen({ s: l, backlog: 1 });
    const s = a!.sys.socket({ domain: AF_INET, type: SOCK_STREAM, protocol: 0 }) as number;
    await a!.sys.connect({ s, name: sin("10.0.0.2", 80) });
    const k = await b!.sys.accept({ s: l }) as number;
    const data = new Uint8Array(300_000).map((_, i) => i * 7);
    const sending = (async () => {
      for (let at = 0; at < data.length;) at += await a!.sys.write({ fd: s, buf: data.subarray(at) }) as number;
      a!.sys.shutdown({ s, how: 1 });
    })();
    const got = new Uint8Array(data.length);
    let at = 0;
    for (let n = 1; n > 0; at += n) n = await b!.sys.read({ fd: k, buf: got.subarray(at) }) as number;
    await sending;
    assertEquals(Number(at === data.length && got.every((x, i) => x === data[i])), 1);
  });
  it("members are listed with their flags, and lose them", async () => {
    const { sys } = await bridged();
    command(sys, BRDG.SIFFLGS, member("en1", IFBIF.LEARNING));
    const all = command(sys, BRDG.GIFS, new Uint8Array(10 * Ifbreq.size), true);
    const { get } = Ifbreq;
    const rows = [0, 1, 2].map((i) => [get.name(viewOf(all), i * 24), get.flags(viewOf(all), i * 24)]);
    assertEquals(rows, [["en0", 3], ["en1", 1], ["en2", 3]]);
  });
  it("errors: no such member, one that is there, no Ethernet, spanning trees, unknown commands", async () => {
    const { sys } = await bridged();
    fails(() => command(sys, BRDG.DEL, member("en7")), errno.ENOENT);
    fails(() => command(sys, BRDG.ADD, member("en7")), errno.ENXIO);
    fails(() => command(sys, BRDG.ADD, member("en1")), errno.EEXIST);
    fails(() => command(sys, BRDG.ADD, member("lo0")), errno.EINVAL);
    fails(() => command(sys, BRDG.SIFFLGS, member("en1", IFBIF.STP)), errno.EOPNOTSUPP);
    fails(() => command(sys, 99, member("en1")), errno.EINVAL);
    fails(() => command(sys, BRDG.ADD, new Uint8Array(3)), errno.EINVAL);
  });
  it("an interface that goes is a member no more; two bridges in a circle do not hang", async () => {
    const { sys, stack, hosts: [a, b] } = await bridged();
    await stack.destroy(stack.interface("en2"));
    await control(sys, inetSocket(sys), "SIOCIFCREATE", ifreq("bridge1"));
    command(sys, BRDG.ADD, member("bridge1"));
    const data = new Uint8Array(Ifdrv.size + Ifbreq.size);
    Ifdrv.write(viewOf(data), 0, { name: "bridge1", command: BRDG.ADD, length: Ifbreq.size });
    data.set(member("bridge0"), Ifdrv.size);
    await control(sys, inetSocket(sys), "SIOCSDRVSPEC", data);
    await stack.setFlags(stack.interface("bridge1"), 1);
    await a!.sys.sendto({ s: await udpSocket(a!.sys), buf: bytes("x"), flags: 0, to: sin("10.0.0.7", 9) });
    await settle();
    command(sys, BRDG.DEL, member("bridge1"));
    assertEquals(await hello(a!.sys, { sys: b!.sys, address: "10.0.0.2" }), "hello");
  });
});
