import process from "node:process";
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_INET, AF_INET6, AF_LINK, AF_ROUTE, AF_UNSPEC, SO_USELOOPBACK, SOL_SOCKET } from "../../src/abi/flags.ts";
import { IfData } from "../../src/abi/net_structs.ts";
import {
  IF_MSGHDR_DATA,
  IfaMsghdr,
  IfAnnouncemsghdr,
  IfMsghdr,
  MsgHead,
  NET_RT,
  parseAddresses,
  parseSockaddrDl,
  RTA,
  RTF,
  RTM,
  RtMsghdr,
  RTV,
  sockaddrDl,
} from "../../src/abi/route_structs.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { aliasreq, control, ifreq, inetSocket, int32 } from "./control.ts";
import { attach, bytes, cable, inetHost, settle, sin } from "./helpers.ts";
import { destination, message, read, routes, routeSocket, shown, sockaddr, table, write } from "./route_client.ts";

const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);
const typeOf = (m: Uint8Array) => MsgHead.get.type(viewOf(m), 0);
/** A host on a cable as 10.0.0.1/24, its neighbour 10.0.0.2, and a routing socket. */
async function host() {
  const [one, two] = cable();
  const [a, b] = [await inetHost(), await inetHost()];
  await attach(a, "en0", one!, "10.0.0.1/24");
  await attach(b, "en0", two!, "10.0.0.2/24");
  await settle();
  const fd = routeSocket(a.sys);
  const add = (to: string, gateway: string, flags = 0, values = {}) =>
    write(
      a.sys,
      fd,
      message(RTM.ADD, { flags: RTF.UP | RTF.GATEWAY | RTF.STATIC | flags, ...values }, {
        ...destination(to),
        [RTA.GATEWAY]: sockaddr(gateway),
      }),
    );
  return { ...a, b, fd, add };
}

describe("tables of net.route", () => {
  it("routes: as NetBSD lists them, local ones by lo0", async () => {
    const { sys } = await host();
    assertEquals(routes(sys), [
      "10.0.0.0/ffffff00 link#2 UC - 2",
      "10.0.0.1 link#2 UHl - 1",
      "127.0.0.1 lo0 UHl 65535 1",
    ]);
  });
  it("the route of lo0 is byte for byte as recorded, but for its MTU", async () => {
    const { sys } = await inetHost();
    const [only] = table(sys, NET_RT.DUMP);
    const d = viewOf(only!);
    assertEquals(RtMsghdr.get.mtu(d, 0), 65_535);
    RtMsghdr.set.mtu(d, 0, 33_624);
    const head = "b800040401000000050004003300000000000000000000000000000000000000000000000000000000000000000000005883";
    const text = [...only!.subarray(0, 50)].map((b) => b.toString(16).padStart(2, "0")).join("");
    assertEquals([text, only!.length], [head, 184]);
  });
  it("interfaces with their addresses are as recorded", async () => {
    const { sys } = await host();
    const all = table(sys, NET_RT.IFLIST, 0, AF_UNSPEC);
    assertEquals(all.map(typeOf), [RTM.IFINFO, RTM.NEWADDR, RTM.NEWADDR, RTM.IFINFO, RTM.NEWADDR, RTM.NEWADDR]);
    assertEquals(all[0]!.length, 168);
    const hex = [1, 2].map((i) => [...all[i]!].map((b) => b.toString(16).padStart(2, "0")).join(""));
    assertEquals(hex, [
      "3800040c24000000000000000000000001000000000000000b00000000000000ffffff00000000000b120100180300006c6f300000000000",
      "4000040ca40000000000000000000000010000000000000005020000ff000000100200007f0000010000000000000000100200007f0000010000000000000000",
    ]);
    const en = viewOf(all[3]!);
    assertEquals([IfMsghdr.get.index(en, 0), IfMsghdr.get.flags(en, 0)], [2, 0xffff_8843 | 0]);
    assertEquals(IfData.get.mtu(en, IF_MSGHDR_DATA), 1500);
  });
  it("one interface, one family", async () => {
    const { sys } = await host();
    assertEquals(table(sys, NET_RT.IFLIST, 2, AF_INET).map(typeOf), [RTM.IFINFO, RTM.NEWADDR]);
    assertEquals(table(sys, NET_RT.IFLIST, 0, AF_LINK).map(typeOf), [
      RTM.IFINFO,
      RTM.NEWADDR,
      RTM.IFINFO,
      RTM.NEWADDR,
    ]);
  });
  it("who asks how long one is hears of a tenth more; other numbers are EINVAL", async () => {
    const { sys } = await inetHost();
    const ask = (...rest: number[]) => {
      const oldlenp = new Uint8Array(8);
      sys.__sysctl({ name: new Uint8Array(new Int32Array([4, AF_ROUTE, 0, ...rest]).buffer), oldlenp });
      return viewOf(oldlenp).getUint32(0, true);
    };
    assertEquals(ask(AF_INET, NET_RT.DUMP, 0), 202);
    fails(() => ask(AF_INET, 99, 0), errno.EINVAL);
    fails(() => ask(), errno.EINVAL);
  });
  it("neighbours: our own for ever, others with the time they are forgotten", async () => {
    const { sys } = await host();
    const s = inetSocket(sys);
    await sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("10.0.0.2", 9) });
    await settle();
    const all = table(sys, NET_RT.FLAGS, RTF.LLDATA).map((m) => {
      const { flags, addrs, expire } = RtMsghdr.dump(viewOf(m), 0);
      assertEquals(flags, RTF.UP | RTF.HOST | RTF.LLDATA);
      const a = parseAddresses(m, RtMsghdr.size, addrs)!;
      return [a.get(RTA.DST)![7], parseSockaddrDl(a.get(RTA.GATEWAY)!)!.mac.at(-1), expire > 0];
    });
    assertEquals(all, [[1, 1, false], [2, 2, true]]);
  });
});
describe("routing socket", () => {
  it("add, get, change, delete, as golden route(8) has it", async () => {
    const { sys, fd, add } = await host();
    add("0.0.0.0/0", "10.0.0.254");
    add("192.168.5.0/24", "10.0.0.9");
    add("172.16.0.1", "10.0.0.9", RTF.HOST, { inits: RTV.MTU, mtu: 900 });
    fails(() => add("192.168.5.0/24", "10.0.0.9"), errno.EEXIST);
    add("192.168.6.0/24", "127.0.0.1", RTF.BLACKHOLE);
    add("192.168.7.0/24", "127.0.0.1", RTF.REJECT);
    add("1.2.3.0/24", "99.99.99.99");
    const change = { ...destination("192.168.5.0/24"), [RTA.GATEWAY]: sockaddr("10.0.0.10") };
    write(sys, fd, message(RTM.CHANGE, { flags: RTF.UP | RTF.GATEWAY }, change));
    assertEquals(routes(sys), [
      "0.0.0.0/0 10.0.0.254 UGS - 2",
      "1.2.3.0/ffffff00 99.99.99.99 UGS - 2",
      "10.0.0.0/ffffff00 link#2 UC - 2",
      "10.0.0.1 link#2 UHl - 1",
      "127.0.0.1 lo0 UHl 65535 1",
      "172.16.0.1 10.0.0.9 UGHS 900 2",
      "192.168.5.0/ffffff00 10.0.0.10 UGS - 2",
      "192.168.6.0/ffffff00 127.0.0.1 UGBS 65535 1",
      "192.168.7.0/ffffff00 127.0.0.1 UGRS 65535 1",
    ]);
    const gone = message(RTM.DELETE, {}, destination("192.168.5.0/24"));
    write(sys, fd, gone);
    fails(() => write(sys, fd, gone), errno.ESRCH);
    assertEquals(routes(sys).length, 8);
  });
  it("without a way to its gateway a route is ENETUNREACH", async () => {
    const { sys } = await inetHost();
    const fd = routeSocket(sys);
    const to = { ...destination("0.0.0.0/0"), [RTA.GATEWAY]: sockaddr("10.0.0.254") };
    fails(
      () => write(sys, fd, message(RTM.ADD, { flags: RTF.UP | RTF.GATEWAY | RTF.STATIC }, to)),
      errno.ENETUNREACH,
    );
  });
  it("get answers with gateway, mask, interface and address of ours", async () => {
    const { sys, fd, add } = await host();
    add("192.168.5.0/24", "10.0.0.9");
    await read(sys, fd);
    const ask = { ...destination("192.168.5.77"), [RTA.IFP]: sockaddrDl(NOBODY) };
    write(sys, fd, message(RTM.GET, { flags: RTF.UP | RTF.HOST }, ask));
    const answer = await read(sys, fd);
    assertEquals(shown(answer), "192.168.5.0/ffffff00 10.0.0.9 UGS - 2");
    const { flags, addrs, seq, pid } = RtMsghdr.dump(viewOf(answer), 0);
    assert(flags & RTF.DONE);
    assertEquals([seq, pid > 0], [7, true]);
    const a = parseAddresses(answer, RtMsghdr.size, addrs)!;
    assertEquals(parseSockaddrDl(a.get(RTA.IFP)!)!.name, "en0");
    assertEquals(a.get(RTA.IFA), sockaddr("10.0.0.1"));
  });
  it("everybody hears what is changed, with who asked; the writer not when SO_USELOOPBACK is off", async () => {
    const { sys, fd, add, other } = await host();
    const listener = other();
    const [all, inet, six] = [routeSocket(listener), routeSocket(listener, AF_INET), routeSocket(listener, AF_INET6)];
    sys.setsockopt({ s: fd, level: SOL_SOCKET, name: SO_USELOOPBACK, val: int32(0) });
    add("192.168.5.0/24", "10.0.0.9");
    for (const s of [all, inet]) assertEquals(typeOf(await read(listener, s)), RTM.ADD);
    for (const [s, calls] of [[six, listener], [fd, sys]] as const) {
      fails(() => calls.recvfrom({ s, buf: new Uint8Array(100), flags: 0x80 }), errno.EAGAIN);
    }
  });
  it("an error is told to the writer and to listeners", async () => {
    const { sys, fd, other } = await host();
    const listener = other();
    const l = routeSocket(listener);
    fails(() => write(sys, fd, message(RTM.DELETE, {}, destination("9.0.0.0/8"))), errno.ESRCH);
    assertEquals(RtMsghdr.get.errno(viewOf(await read(listener, l)), 0), errno.ESRCH.errno);
  });
  it("addresses, flags, interfaces that come and go are told", async () => {
    const { sys, fd, stack } = await host();
    const s = inetSocket(sys);
    await control(sys, s, "SIOCAIFADDR", aliasreq("en0", "10.1.0.1", "255.255.255.0"));
    const added = await read(sys, fd);
    assertEquals([typeOf(await read(sys, fd)), typeOf(added)].sort(), [RTM.ADD, RTM.ADD]);
    const address = await read(sys, fd);
    assertEquals(typeOf(address), RTM.NEWADDR);
    const { addrs } = IfaMsghdr.dump(viewOf(address), 0);
    assertEquals(addrs, RTA.NETMASK | RTA.IFP | RTA.IFA | RTA.BRD);
    await control(sys, s, "SIOCSIFFLAGS", ifreq("en0"));
    const state = await read(sys, fd);
    assertEquals([typeOf(state), IfMsghdr.get.flags(viewOf(state), 0) & 1], [RTM.IFINFO, 0]);
    const [device] = cable();
    stack.attach("en9", device!);
    const came = viewOf(await read(sys, fd));
    assertEquals([IfAnnouncemsghdr.get.name(came, 0), IfAnnouncemsghdr.get.what(came, 0)], ["en9", 0]);
  });
  it("a packet without a way is RTM_MISS", async () => {
    const { sys, fd } = await host();
    const s = inetSocket(sys);
    fails(() => sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("9.9.9.9", 9) }), errno.EHOSTUNREACH);
    const miss = await read(sys, fd);
    assertEquals(typeOf(miss), RTM.MISS);
    assertEquals(parseAddresses(miss, RtMsghdr.size, RTA.DST)!.get(RTA.DST), sockaddr("9.9.9.9"));
  });
  it("rejected networks are ENETUNREACH, hosts EHOSTUNREACH; a black hole takes all", async () => {
    const { sys, add } = await host();
    add("192.168.6.0/24", "127.0.0.1", RTF.BLACKHOLE);
    add("192.168.7.0/24", "127.0.0.1", RTF.REJECT);
    add("192.168.7.9", "127.0.0.1", RTF.REJECT | RTF.HOST);
    const s = inetSocket(sys);
    const send = (to: string) => sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin(to, 9) });
    assertEquals(send("192.168.6.1"), 1);
    fails(() => send("192.168.7.1"), errno.ENETUNREACH);
    fails(() => send("192.168.7.9"), errno.EHOSTUNREACH);
  });
  it("a route that rejects becomes a black hole (route/t_change)", async () => {
    const { sys, fd, add } = await host();
    add("192.168.7.0/24", "127.0.0.1", RTF.REJECT);
    const s = inetSocket(sys);
    const send = () => sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("192.168.7.1", 9) });
    fails(send, errno.ENETUNREACH);
    const flags = { flags: RTF.UP | RTF.GATEWAY | RTF.STATIC | RTF.BLACKHOLE };
    write(
      sys,
      fd,
      message(RTM.CHANGE, flags, { ...destination("192.168.7.0/24"), [RTA.GATEWAY]: sockaddr("127.0.0.1") }),
    );
    assertEquals([send(), routes(sys).at(-1)], [1, "192.168.7.0/ffffff00 127.0.0.1 UGBS 65535 1"]);
  });
  it("neighbours are entered by hand, told as permanent, used, and forgotten", async () => {
    const { sys, fd, stack } = await host();
    const mac = new Uint8Array([2, 0, 0, 0, 0, 9]);
    const link = sockaddrDl({ index: 2, type: 6, name: "", mac });
    const flags = RTF.HOST | RTF.STATIC | RTF.LLDATA;
    const to = { [RTA.DST]: sockaddr("10.0.0.77"), [RTA.GATEWAY]: link };
    write(sys, fd, message(RTM.ADD, { flags }, to));
    assertEquals(stack.arp.get(stackAddress)?.mac, mac);
    const listed = table(sys, NET_RT.FLAGS, RTF.LLDATA).map((m) => RtMsghdr.get.expire(viewOf(m), 0));
    assertEquals(listed, [0, 0]);
    write(sys, fd, message(RTM.DELETE, { flags: RTF.LLDATA }, to));
    fails(() => write(sys, fd, message(RTM.DELETE, { flags: RTF.LLDATA }, to)), errno.ENOENT);
  });
  it("metrics are kept and told; locked ones are marked", async () => {
    const { sys, fd, add } = await host();
    add("192.168.5.0/24", "10.0.0.9", 0, { inits: RTV.RTT | RTV.HOPCOUNT, rtt: 5000, hopcount: 3 });
    write(sys, fd, message(RTM.LOCK, { inits: RTV.RTT, locks: RTV.RTT }, destination("192.168.5.0/24")));
    const found = table(sys, NET_RT.DUMP).find((m) => shown(m).startsWith("192.168.5"))!;
    const { rtt, hopcount, locks } = RtMsghdr.dump(viewOf(found), 0);
    assertEquals([rtt, hopcount, locks], [5000, 3, RTV.RTT]);
  });
  it("who is not the super-user only asks", async () => {
    const { sys, add } = await host();
    await sys.setuid({ uid: 1000 });
    fails(() => add("192.168.5.0/24", "10.0.0.9"), errno.EACCES);
    const fd = routeSocket(sys);
    write(sys, fd, message(RTM.GET, {}, destination("10.0.0.2")));
    assertEquals(shown(await read(sys, fd)), "10.0.0.0/ffffff00 link#2 UC - 2");
  });
  it("what is no message is EINVAL, of another version EPROTONOSUPPORT", async () => {
    const { sys, fd } = await host();
    const good = message(RTM.GET, {}, destination("10.0.0.2"));
    fails(() => write(sys, fd, good.subarray(0, 100)), errno.EINVAL);
    fails(() => write(sys, fd, good.subarray(0, good.length - 8)), errno.EINVAL);
    fails(() => write(sys, fd, message(RTM.GET, { version: 3 }, destination("10.0.0.2"))), errno.EPROTONOSUPPORT);
    fails(() => write(sys, fd, message(99, {}, destination("10.0.0.2"))), errno.EOPNOTSUPP);
  });
  it("who does not read loses what comes: memory is bounded", async () => {
    const { sys, fd, add } = await host();
    for (let i = 0; i < 1000; i++) {
      add("192.168.5.0/24", "10.0.0.9");
      write(sys, fd, message(RTM.DELETE, {}, destination("192.168.5.0/24")));
    }
    let n = 0;
    const one = () => sys.recvfrom({ s: fd, buf: new Uint8Array(2048), flags: 0x80 });
    fails(() => {
      for (;; n++) one();
    }, errno.EAGAIN);
    assert(n > 100 && n < 1000, `${n} messages`);
  });
  it("no bytes do harm", async () => {
    const { sys, fd, kernel } = await host();
    const seed = seedOf();
    process.stdout.write(`routing fuzz: SEED=${seed}\n`);
    const random = randomOf(seed);
    const bugs: unknown[] = [];
    kernel.dispatcher.bug = (_, e) => void bugs.push(e);
    const link = sockaddrDl({ index: 2, type: 6, name: "en0", mac: new Uint8Array(6) });
    for (let i = 0; i < 20_000; i++) {
      const base = message(1 + random(9), { flags: random(1 << 20), inits: random(256) }, {
        ...destination(["10.0.0.2", "9.0.0.0/8", "0.0.0.0/0", "127.0.0.1"][random(4)]!),
        [RTA.GATEWAY]: random(2) ? link : sockaddr("10.0.0.2"),
      });
      for (let k = random(4); k > 0; k--) base[random(base.length)] = random(256);
      const cut = random(4) ? base : base.subarray(0, random(base.length));
      if (random(2) && cut.length >= 2) viewOf(cut).setUint16(0, cut.length, true);
      try {
        sys.write({ fd, buf: cut });
      } catch (e) {
        if (!(e instanceof SysError)) throw e;
      }
    }
    assertEquals(bugs, []);
    assert(table(sys, NET_RT.IFLIST, 0, AF_UNSPEC).length >= 5);
  });
});
const NOBODY = { index: 0, type: 0, name: "", mac: new Uint8Array(0) };
const stackAddress = 0x0a00_004d;
