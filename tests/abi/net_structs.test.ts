/** Layouts and numbers against what a NetBSD 7.99.34 kernel and its programs sent each other. */
import { describe, it } from "node:test";
import { AF_INET, AF_LINK, IFF } from "../../src/abi/flags.ts";
import { parseSockaddrIn } from "../../src/abi/inet.ts";
import {
  Ifaliasreq,
  IfData,
  IFDATAREQ_DATA,
  IfLaddrreq,
  IFLR,
  IfreqFlags,
  IfreqValue,
} from "../../src/abi/net_structs.ts";
import {
  buildMessage,
  IF_MSGHDR_DATA,
  IfaMsghdr,
  IfMsghdr,
  type LinkAddress,
  parseAddresses,
  parseSockaddrDl,
  RTA,
  RTF,
  RTM,
  RtMsghdr,
  rtRoundup,
  sockaddrDl,
} from "../../src/abi/route_structs.ts";
import { sizeOf } from "../../src/abi/ioccom.ts";
import { pointedBy, SIOC, type SiocName } from "../../src/abi/sockio.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals } from "../assert.ts";

/** Bytes as recorded; zeros after them. */
function hex(text: string, length = text.length / 2): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < text.length / 2; i++) out[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}
const recorded: readonly (readonly [SiocName, number, size: number])[] = [
  ["SIOCIFCREATE", 0x8090697a, 144],
  ["SIOCGIFFLAGS", 0xc0906911, 144],
  ["SIOCGIFADDR", 0xc0906921, 144],
  ["SIOCAIFADDR", 0x8040691a, 64],
  ["SIOCGIFALIAS", 0xc040691b, 64],
  ["SIOCGIFMETRIC", 0xc0906917, 144],
  ["SIOCGIFMTU", 0xc090697e, 144],
  ["SIOCGIFCAP", 0xc0206976, 32],
  ["SIOCGETHERCAP", 0xc018698b, 24],
  ["SIOCGIFMEDIA", 0xc0306936, 48],
  ["SIOCGIFADDRPREF", 0xc0986920, 152],
  ["SIOCGLIFADDR", 0xc118691d, 280],
  ["SIOCGLIFPHYADDR", 0xc118694b, 280],
  ["SIOCGLINKSTR", 0xc0286987, 40],
  ["SIOCGIFAFLAG_IN", 0xc0906927, 144],
  ["SIOCGIFNETMASK_IN6", 0xc1206925, 288],
  ["SIOCGIFAFLAG_IN6", 0xc1206949, 288],
];
/** struct rt_msghdr of "127.0.0.1 lo0 UHl", and of "add default 10.0.0.254". */
const dumped = hex(
  "b80004040100000005000400330000000000000000000000000000000000000000000000000000005883".slice(0, 80),
  120,
);
const added = hex("a0000401000000000308000007000000000000000100000000000000", 120);
/** struct if_msghdr of shmif0, and the addresses of lo0. */
const shmif = hex("b0000414100000000388ffff0200000006060e0000000000dc05" + "0".repeat(28) + "8096980000", 176);
const loInet = hex(
  "4000040ca40000000000000000000000010000000000000005020000ff000000100200007f0000010000000000000000100200007f0000010000000000000000",
);
const loLink = hex(
  "3800040c24000000000000000000000001000000000000000b00000000000000ffffff00000000000b120100180300006c6f300000000000",
);

describe("numbers of ioctl commands are NetBSD's:", () => {
  for (const [name, number, size] of recorded) {
    it(name, () => assertEquals([SIOC[name], sizeOf(SIOC[name])], [number, size]));
  }
  it("no two are the same", () => {
    const all = Object.values(SIOC);
    assertEquals(new Set(all).size, all.length);
  });
  it("a pointer and its count are inside the structure", () => {
    for (const [name, com] of Object.entries(SIOC)) {
      const p = pointedBy(com);
      if (p) assert(p.pointer + 8 <= sizeOf(com) && p.count + p.countSize <= sizeOf(com), name);
    }
  });
});
describe("structures of interfaces:", () => {
  it("ifreq has flags and numbers at 16", () => {
    const d = viewOf(hex("6c6f3000ff7f000050eaa497ed7f000058830000ff7f0000", 144));
    assertEquals([IfreqValue.get.name(d, 0), IfreqValue.get.value(d, 0)], ["lo0", 33624]);
    assertEquals(IfreqFlags.get.flags(viewOf(hex("6c6f30000000000000000000000000004980", 144)), 0), 0x8049);
    assertEquals(IFF.UP | IFF.LOOPBACK | IFF.RUNNING | IFF.MULTICAST, 0x8049);
  });
  it("ifaliasreq has address, broadcast address and mask", () => {
    const text = "73686d69663000000000000000000000100200000a000001" + "0".repeat(48) +
      "10020000ffffff000000000000000000";
    const d = viewOf(hex(text, 64));
    assertEquals(Ifaliasreq.get.name(d, 0), "shmif0");
    assertEquals(parseSockaddrIn(Ifaliasreq.get.addr(d, 0))?.address, 0x0a00_0001);
    assertEquals(parseSockaddrIn(Ifaliasreq.get.mask(d, 0))?.address, 0xffff_ff00);
  });
  it("if_laddrreq has a link address that is active", () => {
    const d = viewOf(hex("6c6f300000000000000000000000000000400000000000000b120100180300006c6f30", 280));
    assertEquals(IfLaddrreq.get.flags(d, 0), IFLR.ACTIVE);
    assertEquals(parseSockaddrDl(IfLaddrreq.get.addr(d, 0))?.name, "lo0");
  });
  it("if_data has its MTU and line speed", () => {
    const d = viewOf(shmif);
    assertEquals(IfMsghdr.dump(d, 0).index, 2);
    const { type, addrlen, hdrlen, mtu, baudrate } = IfData.dump(d, IF_MSGHDR_DATA);
    assertEquals([type, addrlen, hdrlen, mtu, baudrate, IFDATAREQ_DATA], [6, 6, 14, 1500, 10_000_000, 16]);
  });
});
describe("messages of the routing socket:", () => {
  it("a route that is told", () => {
    const { msglen, type, index, flags, addrs } = RtMsghdr.dump(viewOf(dumped), 0);
    assertEquals([msglen, type, index, flags, addrs], [
      184,
      RTM.GET,
      1,
      RTF.UP | RTF.HOST | RTF.LOCAL,
      RTA.DST | RTA.GATEWAY | RTA.IFP | RTA.IFA,
    ]);
  });
  it("a route that is to be added", () => {
    const { type, flags, addrs, seq } = RtMsghdr.dump(viewOf(added), 0);
    assertEquals([type, flags, addrs, seq], [
      RTM.ADD,
      RTF.UP | RTF.GATEWAY | RTF.STATIC,
      RTA.DST | RTA.GATEWAY | RTA.NETMASK,
      1,
    ]);
  });
  it("an interface's addresses, read and made again", () => {
    for (const message of [loInet, loLink]) {
      const { type, addrs } = IfaMsghdr.dump(viewOf(message), 0);
      assertEquals(type, RTM.NEWADDR);
      const found = parseAddresses(message, IfaMsghdr.size, addrs)!;
      assertEquals(buildMessage(message.slice(0, IfaMsghdr.size), found), message);
    }
    const found = parseAddresses(loInet, IfaMsghdr.size, RTA.NETMASK | RTA.IFA | RTA.BRD)!;
    assertEquals(found.get(RTA.NETMASK), new Uint8Array([5, AF_INET, 0, 0, 255]));
    assertEquals(parseSockaddrIn(found.get(RTA.IFA)!)?.address, 0x7f00_0001);
  });
  it("addresses that are cut are none", () => {
    const addrs = RTA.NETMASK | RTA.IFA | RTA.BRD;
    for (let n = IfaMsghdr.size; n < loInet.length - 7; n++) {
      const found = parseAddresses(loInet.subarray(0, n), IfaMsghdr.size, addrs);
      assert(!found || n >= IfaMsghdr.size + 8 + 16 + 16, `${n}`);
    }
  });
  it("a link address has index, type, name and MAC", () => {
    const made: LinkAddress = { index: 2, type: 6, name: "shmif0", mac: hex("b2a022c1c166") };
    const bytes = sockaddrDl(made);
    assertEquals(bytes, hex("141202000606060073686d696630b2a022c1c166"));
    assertEquals(bytes[1], AF_LINK);
    assertEquals(parseSockaddrDl(bytes), made);
    assertEquals(parseSockaddrDl(bytes.subarray(0, 19)), undefined);
  });
  it("each address begins at a multiple of 8; one that is left out takes 8", () => {
    assertEquals([0, 1, 5, 8, 16, 20, 28].map(rtRoundup), [8, 8, 8, 8, 16, 24, 32]);
  });
});
