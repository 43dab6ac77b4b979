import process from "node:process";
import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { AF_LINK, AF_LOCAL, FIONREAD, IFF, SOCK_DGRAM, SOCK_STREAM } from "../../src/abi/flags.ts";
import { parseInetMask, parseSockaddrIn } from "../../src/abi/inet.ts";
import {
  IfAddrprefreq,
  Ifaliasreq,
  IFCAP,
  Ifcapreq,
  IfClonereq,
  Ifconf,
  IfData,
  Ifdatareq,
  IFDATAREQ_DATA,
  Ifdrv,
  IfLaddrreq,
  IFLINKSTR,
  IFLR,
  Ifreq,
  IfreqFlags,
} from "../../src/abi/net_structs.ts";
import { parseSockaddrDl } from "../../src/abi/route_structs.ts";
import { sizeOf } from "../../src/abi/ioccom.ts";
import { SIOC, type SiocName } from "../../src/abi/sockio.ts";
import { formatIpv4 } from "../../src/lib/inet.ts";
import { HDR_GSO_TCPV4 } from "../../src/lib/offload.ts";
import { viewOf } from "../../src/lib/struct.ts";
import type { NetDevice, NetDriver } from "../../src/plugin.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { aliasreq, control, ifreq, inetSocket, int32, named, numberOf } from "./control.ts";
import { attach, bytes, cable, inetHost, settle, sin, text } from "./helpers.ts";

const MAC = new Uint8Array([0xb2, 0xa0, 0, 0, 0, 1]);
const fails = (fn: () => unknown, e: SysError) => assertThrows(fn, SysError, e.message);

/** A host with a driver `tap`, its devices' doings, and a socket. */
async function host() {
  const made = await inetHost();
  const done: string[] = [];
  const driver: NetDriver = {
    kind: "net",
    name: "tap",
    create(): NetDevice & { linkstr: string | undefined } {
      return {
        medium: "ethernet",
        mtu: 1500,
        mac: MAC,
        offload: { checksum: true, gso: [HDR_GSO_TCPV4] },
        linkstr: undefined,
        setLinkstr(to) {
          this.linkstr = to;
        },
        up: () => void done.push("up"),
        output() {},
        down: () => void done.push("down"),
        destroy: () => void done.push("destroy"),
      };
    },
  };
  await made.kernel.use(driver);
  return { ...made, done, fd: inetSocket(made.sys) };
}
async function tap() {
  const h = await host();
  await control(h.sys, h.fd, "SIOCIFCREATE", ifreq("tap0"));
  return { ...h, call: (name: SiocName, data: Uint8Array) => control(h.sys, h.fd, name, data) };
}
/** Address, mask, broadcast address of an interface, as SIOCGIFALIAS tells them. */
function alias(call: (name: SiocName, data: Uint8Array) => unknown, name: string, address: string): string[] {
  const data = aliasreq(name, address, "0.0.0.0");
  call("SIOCGIFALIAS", data);
  const { get } = Ifaliasreq;
  const d = viewOf(data);
  const mask = parseInetMask(get.mask(d, 0));
  return [
    formatIpv4(parseSockaddrIn(get.addr(d, 0))!.address),
    formatIpv4(mask ?? 0),
    formatIpv4(parseSockaddrIn(get.dstaddr(d, 0))?.address ?? 0),
  ];
}

describe("interface ioctls", () => {
  it("lo0 is up, has its flags, MTU and index", async () => {
    const { sys, fd } = await host();
    assertEquals(numberOf(sys, fd, "SIOCGIFFLAGS", "lo0"), IFF.UP | IFF.LOOPBACK | IFF.RUNNING | IFF.MULTICAST);
    assertEquals(numberOf(sys, fd, "SIOCGIFMTU", "lo0"), 65_535);
    assertEquals(numberOf(sys, fd, "SIOCGIFINDEX", "lo0"), 1);
    assertEquals(numberOf(sys, fd, "SIOCGIFMETRIC", "lo0"), 0);
  });
  it("an interface that is not there is ENXIO, a command nobody knows ENOTTY", async () => {
    const { sys, fd } = await host();
    fails(() => control(sys, fd, "SIOCGIFFLAGS", ifreq("tap0")), errno.ENXIO);
    fails(() => control(sys, fd, "SIOCGLIFPHYADDR", named("lo0", 280)), errno.ENOTTY);
    fails(() => control(sys, fd, "SIOCGLINKSTR", named("lo0", 40)), errno.ENOTTY);
    fails(() => sys.ioctl({ fd, com: 0xc004_2042, data: new Uint8Array(4) }), errno.ENOTTY);
  });
  it("interfaces are made by name, once, and go", async () => {
    const { call, done } = await tap();
    fails(() => call("SIOCIFCREATE", ifreq("tap0")), errno.EEXIST);
    fails(() => call("SIOCIFCREATE", ifreq("nosuch0")), errno.EINVAL);
    await call("SIOCIFDESTROY", ifreq("tap0"));
    fails(() => call("SIOCGIFFLAGS", ifreq("tap0")), errno.ENXIO);
    fails(() => call("SIOCIFDESTROY", ifreq("lo0")), errno.EPERM);
    assertEquals(done, ["destroy"]);
  });
  it("names of what can be made: how many, and as many as there is room for", async () => {
    const { call } = await tap();
    const data = new Uint8Array(IfClonereq.size + 16);
    await call("SIOCIFGCLONERS", data);
    assertEquals(viewOf(data).getInt32(0, true), 2);
    assertEquals(text(data.subarray(16, 18)), "lo");
  });
  it("an address brings an interface up; mask and broadcast address follow from it", async () => {
    const { call, sys, fd, done } = await tap();
    fails(() => call("SIOCGIFADDR", ifreq("tap0")), errno.EADDRNOTAVAIL);
    await call("SIOCAIFADDR", aliasreq("tap0", "10.0.0.1", "255.255.255.0"));
    await call("SIOCAIFADDR", aliasreq("tap0", "10.0.1.1", "255.255.255.0", "10.0.1.9"));
    assertEquals(alias(call, "tap0", "10.0.0.1"), ["10.0.0.1", "255.255.255.0", "10.0.0.255"]);
    assertEquals(alias(call, "tap0", "10.0.1.1"), ["10.0.1.1", "255.255.255.0", "10.0.1.9"]);
    assertEquals(done, ["up"]);
    assertEquals(numberOf(sys, fd, "SIOCGIFFLAGS", "tap0") & 0xffff, 0x8843);
    await call("SIOCDIFADDR", ifreq("tap0", sin("10.0.0.1", 0)));
    fails(() => call("SIOCDIFADDR", ifreq("tap0", sin("10.0.0.1", 0))), errno.EADDRNOTAVAIL);
    const first = ifreq("tap0");
    await call("SIOCGIFADDR", first);
    assertEquals(first.slice(16, 32), sin("10.0.1.1", 0));
  });
  it("of two addresses that would do the preferred one is spoken from", async () => {
    const { call, sys } = await tap();
    await call("SIOCAIFADDR", aliasreq("tap0", "10.0.0.1", "255.255.255.0"));
    await call("SIOCAIFADDR", aliasreq("tap0", "10.0.0.2", "255.255.255.0"));
    sys.__sysctl({ name: mib(4, 2, 0, 25), oldlenp: new Uint8Array(8), newp: int32(0) });
    await call("SIOCAIFADDR", aliasreq("tap0", "10.0.0.2", "255.255.255.0"));
    const request = named("tap0", IfAddrprefreq.size, IfAddrprefreq.at.addr, sin("10.0.0.2", 0));
    IfAddrprefreq.set.preference(viewOf(request), 0, 5);
    await call("SIOCSIFADDRPREF", request);
    IfAddrprefreq.set.preference(viewOf(request), 0, 0);
    await call("SIOCGIFADDRPREF", request);
    assertEquals(IfAddrprefreq.get.preference(viewOf(request), 0), 5);
    const s = inetSocket(sys);
    await sys.connect({ s, name: sin("10.0.0.9", 9) });
    const asa = new Uint8Array(16);
    sys.getsockname({ fdes: s, asa, alen: int32(16) });
    assertEquals(formatIpv4(parseSockaddrIn(asa)!.address), "10.0.0.2");
  });
  it("an address without a mask has its class's", async () => {
    const { call } = await tap();
    await call("SIOCSIFADDR", ifreq("tap0", sin("172.16.1.1", 0)));
    assertEquals(alias(call, "tap0", "172.16.1.1"), ["172.16.1.1", "255.255.0.0", "172.16.255.255"]);
  });
  it("lo0's address is as recorded: no broadcast address, and a mask that is cut", async () => {
    const { call } = await tap();
    const data = aliasreq("lo0", "127.0.0.1", "0.0.0.0");
    await call("SIOCGIFALIAS", data);
    assertEquals(data.slice(32), named("", 32, 16, new Uint8Array([5, 2, 0, 0, 0xff])));
  });
  it("flags and MTU are set within what the device can", async () => {
    const { call, sys, fd, done } = await tap();
    await call("SIOCSIFFLAGS", ifreq("tap0", int32(IFF.UP | IFF.PROMISC)));
    await call("SIOCSIFMTU", ifreq("tap0", int32(1400)));
    fails(() => call("SIOCSIFMTU", ifreq("tap0", int32(70_000))), errno.EINVAL);
    assertEquals(numberOf(sys, fd, "SIOCGIFMTU", "tap0"), 1400);
    assertEquals(numberOf(sys, fd, "SIOCGIFFLAGS", "tap0") & 0xffff, 0x8843);
    await call("SIOCSIFFLAGS", ifreq("tap0"));
    assertEquals(done, ["up", "down"]);
  });
  it("linkstr: its length, itself, taken off; once only", async () => {
    const { call } = await tap();
    const ask = (command: number, length: number, more = new Uint8Array(length)) => {
      const data = named("tap0", Ifdrv.size + length, Ifdrv.size, more);
      Ifdrv.write(viewOf(data), 0, { command, length });
      return data;
    };
    fails(() => call("SIOCGLINKSTR", ask(IFLINKSTR.QUERYLEN, 0)), errno.ENOENT);
    await call("SIOCSLINKSTR", ask(0, 8, bytes("busfile\0")));
    fails(() => call("SIOCSLINKSTR", ask(0, 8, bytes("another\0"))), errno.EBUSY);
    const length = ask(IFLINKSTR.QUERYLEN, 0);
    await call("SIOCGLINKSTR", length);
    assertEquals(Ifdrv.get.length(viewOf(length), 0), 8);
    const data = ask(0, 8);
    await call("SIOCGLINKSTR", data);
    assertEquals(text(data.subarray(Ifdrv.size)), "busfile\0");
    fails(() => call("SIOCGLINKSTR", ask(0, 7)), errno.ENAMETOOLONG);
    await call("SIOCSLINKSTR", ask(IFLINKSTR.UNSET, 0));
    fails(() => call("SIOCGLINKSTR", ask(0, 8)), errno.ENOENT);
  });
  it("SIOCGIFCONF tells every address, as many as there is room for", async () => {
    const { call } = await tap();
    await call("SIOCAIFADDR", aliasreq("tap0", "10.0.0.1", "255.255.255.0"));
    const size = new Uint8Array(Ifconf.size);
    await call("SIOCGIFCONF", size);
    assertEquals(Ifconf.get.length(viewOf(size), 0), 4 * Ifreq.size);
    const data = new Uint8Array(Ifconf.size + 4 * Ifreq.size + 100);
    await call("SIOCGIFCONF", data);
    const d = viewOf(data);
    const rows = [0, 1, 2, 3].map((i) => Ifconf.size + i * Ifreq.size);
    assertEquals(rows.map((at) => Ifreq.get.name(d, at)), ["lo0", "lo0", "tap0", "tap0"]);
    assertEquals(rows.map((at) => Ifreq.get.addr(d, at)[1]), [18, 2, 18, 2]);
  });
  it("counters are told, and begin again", async () => {
    const { call, sys } = await tap();
    const s = inetSocket(sys);
    await sys.bind({ s, name: sin("127.0.0.1", 7000) });
    await sys.sendto({ s, buf: bytes("hello"), flags: 0, to: sin("127.0.0.1", 7000) });
    const data = named("lo0", Ifdatareq.size);
    for (const name of ["SIOCGIFDATA", "SIOCZIFDATA"] as const) {
      await call(name, data);
      const { type, opackets, obytes } = IfData.dump(viewOf(data), IFDATAREQ_DATA);
      assertEquals([type, opackets, obytes], [24, 1, 33]);
    }
    await call("SIOCGIFDATA", data);
    assertEquals(IfData.get.opackets(viewOf(data), IFDATAREQ_DATA), 0);
    const n = new Uint8Array(4);
    await sys.ioctl({ fd: s, com: FIONREAD, data: n });
    assertEquals(n[0], 5);
  });
  it("multicasts and unknown protocols are counted, broadcasts are none", async () => {
    const [one, two] = cable();
    const [a, b] = [await inetHost(), await inetHost()];
    await attach(a, "en0", one!, "10.0.0.1/24");
    const ib = await attach(b, "en0", two!, "10.0.0.2/24");
    await settle();
    const s = inetSocket(a.sys);
    const before = IfData.dump(dataOf(a.sys, s, "en0"), IFDATAREQ_DATA);
    a.sys.sendto({ s, buf: bytes("x"), flags: 0, to: sin("224.0.0.1", 9) });
    ib.device.output(new Uint8Array([0xb2, 0xa0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0xb5, ...new Uint8Array(46)]));
    await settle();
    const after = IfData.dump(dataOf(a.sys, s, "en0"), IFDATAREQ_DATA);
    assertEquals([after.omcasts - before.omcasts, after.noproto - before.noproto], [1, 1]);
    assert(before.opackets > before.omcasts, "gratuitous ARP is a broadcast");
  });
  it("what a device does with unfinished frames is told as capabilities that are on", async () => {
    const { call } = await tap();
    const data = named("tap0", Ifcapreq.size);
    await call("SIOCGIFCAP", data);
    const { capabilities, enabled } = Ifcapreq.dump(viewOf(data), 0);
    assertEquals([capabilities, enabled], [IFCAP.TSOv4 | IFCAP.CHECKSUMS, capabilities]);
    await call("SIOCSIFCAP", data);
    fails(() => call("SIOCSIFCAP", named("tap0", Ifcapreq.size)), errno.EINVAL);
    const lo = named("lo0", Ifcapreq.size);
    await call("SIOCGIFCAP", lo);
    assertEquals(Ifcapreq.get.capabilities(viewOf(lo), 0), 0);
  });
  it("a text of an administrator's", async () => {
    const { call } = await tap();
    fails(() => call("SIOCGIFDESCR", ifreq("tap0")), errno.ENOENT);
    await call("SIOCSIFDESCR", new Uint8Array([...ifreq("tap0"), ...bytes("uplink\0")]));
    const data = named("tap0", Ifreq.size + 10);
    await call("SIOCGIFDESCR", data);
    assertEquals([text(data.subarray(Ifreq.size, Ifreq.size + 6)), viewOf(data).getUint32(16, true)], ["uplink", 7]);
  });
  it("sockets of AF_LINK tell link addresses", async () => {
    const { sys } = await tap();
    const fd = sys.socket({ domain: AF_LINK, type: SOCK_DGRAM, protocol: 0 }) as number;
    const data = named("tap0", IfLaddrreq.size);
    await control(sys, fd, "SIOCGLIFADDR", data);
    assertEquals(IfLaddrreq.get.flags(viewOf(data), 0), IFLR.ACTIVE);
    assertEquals(parseSockaddrDl(IfLaddrreq.get.addr(viewOf(data), 0)), {
      index: 2,
      type: 6,
      name: "tap0",
      mac: MAC,
    });
    fails(() => sys.socket({ domain: AF_LINK, type: SOCK_STREAM, protocol: 0 }), errno.EPROTOTYPE);
  });
  it("SIOC[AGD]LIFADDR: an address by its prefix", async () => {
    const { call } = await tap();
    const request = (address: string, prefixlen: number, flags = 0) => {
      const data = named("tap0", IfLaddrreq.size, IfLaddrreq.at.addr, sin(address, 0));
      IfLaddrreq.set.prefixlen(viewOf(data), 0, prefixlen);
      IfLaddrreq.set.flags(viewOf(data), 0, flags);
      return data;
    };
    fails(() => call("SIOCGLIFADDR", request("0.0.0.0", 0)), errno.EADDRNOTAVAIL);
    fails(() => call("SIOCALIFADDR", request("10.0.0.0", 24, IFLR.PREFIX)), errno.EINVAL);
    await call("SIOCALIFADDR", request("10.1.0.1", 20));
    await call("SIOCALIFADDR", request("10.2.0.1", 24));
    assertEquals(alias(call, "tap0", "10.1.0.1"), ["10.1.0.1", "255.255.240.0", "10.1.15.255"]);
    const second = request("10.2.0.0", 16, IFLR.PREFIX);
    await call("SIOCGLIFADDR", second);
    const { addr, prefixlen } = IfLaddrreq.dump(viewOf(second), 0);
    assertEquals([addr.slice(0, 16), prefixlen], [sin("10.2.0.1", 0), 24]);
    await call("SIOCDLIFADDR", second);
    fails(() => call("SIOCDLIFADDR", request("10.2.0.1", 32)), errno.EADDRNOTAVAIL);
  });
  it("an address an interface could not come up for is not there", async () => {
    const { kernel, sys, stack } = await inetHost();
    await kernel.use({
      kind: "net",
      name: "bad",
      create: () => ({
        medium: "ethernet",
        mtu: 1500,
        up() {
          throw errno.ENXIO;
        },
        output() {},
        down() {},
      }),
    });
    const fd = inetSocket(sys);
    await control(sys, fd, "SIOCIFCREATE", ifreq("bad0"));
    fails(() => control(sys, fd, "SIOCAIFADDR", aliasreq("bad0", "10.0.0.1", "255.255.255.0")), errno.ENXIO);
    assertEquals([stack.interface("bad0").addresses, stack.isLocal(0x0a00_0001)], [[], false]);
    assertEquals([...stack.routes].filter((r) => r.iface.name === "bad0"), []);
  });
  it("sockets of AF_LOCAL ask about interfaces, but know no addresses of the Internet", async () => {
    const { sys } = await tap();
    const fd = sys.socket({ domain: AF_LOCAL, type: SOCK_STREAM, protocol: 0 }) as number;
    assertEquals(numberOf(sys, fd, "SIOCGIFMTU", "tap0"), 1500);
    fails(() => control(sys, fd, "SIOCGIFADDR", ifreq("lo0")), errno.ENOTTY);
  });
  it("who is not the super-user changes nothing", async () => {
    const { sys } = await tap();
    const fd = inetSocket(sys);
    await sys.setuid({ uid: 1000 });
    const changing = Object.entries(SIOC).filter(([name]) => /^SIOC(S|AIF|DIF|AL|DL|ADD|DEL|IFC|IFD|Z)/.test(name));
    const known = new Set(["SIOCSPGRP"]);
    for (const [name, com] of changing) {
      if (known.has(name)) continue;
      let error: unknown;
      try {
        await sys.ioctl({ fd, com, data: named("tap0", sizeOf(com)) });
      } catch (e) {
        error = e;
      }
      assert(error === errno.EPERM || error === errno.ENOTTY, `${name}: ${error}`);
    }
    assertEquals(viewOf(await flagsOf(sys, fd)).getUint16(16, true) & IFF.UP, 0);
  });
  it("no bytes do harm: every command with random structures", async () => {
    const { sys, fd, kernel } = await tap();
    const seed = seedOf();
    process.stdout.write(`ioctl fuzz: SEED=${seed}\n`);
    const random = randomOf(seed);
    const bugs: unknown[] = [];
    kernel.dispatcher.bug = (_, e) => void bugs.push(e);
    const commands = Object.values(SIOC);
    for (let i = 0; i < 5000; i++) {
      const com = commands[random(commands.length)]!;
      const data = new Uint8Array(sizeOf(com) + random(200));
      for (let k = 0; k < data.length; k++) data[k] = random(4) ? 0 : random(256);
      if (data.length >= 16) data.set(bytes(["lo0\0", "tap0\0", "tap1\0", "\0"][random(4)]!));
      try {
        await sys.ioctl({ fd, com, data });
      } catch (e) {
        if (!(e instanceof SysError)) throw new Error(`${com.toString(16)} ${(e as Error).stack}`);
      }
    }
    assertEquals(bugs, []);
  });
});
function dataOf(sys: Parameters<typeof control>[0], fd: number, iface: string): DataView {
  const data = named(iface, Ifdatareq.size);
  void control(sys, fd, "SIOCGIFDATA", data);
  return viewOf(data);
}
const mib = (...numbers: number[]) => new Uint8Array(new Int32Array(numbers).buffer);
async function flagsOf(sys: Parameters<typeof control>[0], fd: number): Promise<Uint8Array> {
  const data = ifreq("tap0");
  await control(sys, fd, "SIOCGIFFLAGS", data);
  assert(IfreqFlags.size === data.length);
  return data;
}
