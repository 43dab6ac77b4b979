/** What rump.ifconfig shows of interfaces that no test can have everywhere. */
import { describe, it } from "node:test";
import { errno } from "../../src/abi/errno.ts";
import { AF_INET, AF_INET6, IFF } from "../../src/abi/flags.ts";
import { IFCAP, IfData, IFM } from "../../src/abi/net_structs.ts";
import { IfMsghdr, RTM } from "../../src/abi/route_structs.ts";
import { parseInterfaces } from "../../src/abi/if_list.ts";
import type { Detail } from "../../src/cmd/net/if_detail.ts";
import { interfaceText, isListed } from "../../src/cmd/net/if_text.ts";
import { plansOf, WordError, words } from "../../src/cmd/net/if_words.ts";
import { parseIpv6 } from "../../src/lib/in6.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assert, assertEquals } from "../assert.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";

const data = { ...IfData.dump(viewOf(new Uint8Array(IfData.size)), 0), mtu: 1500 };
const info = { name: "mue0", index: 2, flags: 0x8843, type: 6, mac: new Uint8Array(6), data, addresses: [] };
const none = { addresses: [], linkstr: undefined, description: undefined, able: undefined };
const plain: Detail = { info, ...none, vlan: undefined, media: undefined, tunnel: undefined };
const how = { family: undefined, statistics: false, lifetimes: false, media: false, human: false };
const lines = (detail: Partial<Detail>, more: Partial<typeof how> = {}) =>
  interfaceText({ ...plain, ...detail }, { ...how, ...more }).split("\n").slice(1, -1).map((l) => l.trim());

describe("rump.ifconfig shows", () => {
  it("capabilities in lines as long as NetBSD's", () => {
    assertEquals(lines({ able: { can: IFCAP.TSOv4 | 0x300 | IFCAP.CHECKSUMS | IFCAP.TSOv6, on: 0 } }).slice(0, -1), [
      "capabilities=7ff80<TSO4,IP4CSUM_Rx,IP4CSUM_Tx,TCP4CSUM_Rx>",
      "capabilities=7ff80<TCP4CSUM_Tx,UDP4CSUM_Rx,UDP4CSUM_Tx,TCP6CSUM_Rx>",
      "capabilities=7ff80<TCP6CSUM_Tx,UDP6CSUM_Rx,UDP6CSUM_Tx,TSO6>",
      "enabled=0",
    ]);
  });
  it("media, and whether there is a link", () => {
    const current = IFM.ETHER | IFM.AUTO;
    const media = {
      current,
      active: IFM.ETHER | 16 | IFM.FDX,
      status: IFM.AVALID | IFM.ACTIVE,
      all: [IFM.ETHER | 6 | IFM.FDX],
    };
    assertEquals(lines({ media }).slice(1), ["media: Ethernet autoselect (1000baseT full-duplex)", "status: active"]);
    const gone = { current, active: IFM.ETHER | IFM.NONE, status: IFM.AVALID, all: [] };
    const listed = ["supported Ethernet media:", "media 100baseTX mediaopt full-duplex"];
    assertEquals(lines({ media }, { media: true }).slice(3), listed);
    assertEquals(lines({ media: gone }).slice(1), ["media: Ethernet autoselect (none)", "status: no carrier"]);
  });
  it("numbers, where there are any: packets, bytes, and what went wrong", () => {
    const busy = { ...data, ipackets: 1, ibytes: 1, imcasts: 2, ierrors: 1, iqdrops: 3, noproto: 1 };
    const more = { opackets: 20_000_000, obytes: 30_000_000_000, oerrors: 2, collisions: 1 };
    const shown = { info: { ...info, data: { ...busy, ...more } } };
    assertEquals(lines(shown, { statistics: true }).slice(1), [
      "input: 1 packet, 1 byte, 2 multicasts, 1 error, 3 queue drops, 1 unknown protocol",
      "output: 20000000 packets, 30000000000 bytes, 2 errors, 1 collision",
    ]);
    assertEquals(
      lines(shown, { statistics: true, human: true })[2]!.split(",")[1],
      " 28 GB",
    );
  });
  it("no control characters of others' texts", () => {
    assertEquals(lines({ description: "a\x1b[2Jb", linkstr: "c\nd" }), [
      'description: "a?[2Jb"',
      "address: 00:00:00:00:00:00",
      "linkstr: c?d",
    ]);
  });
  it("only interfaces that were asked for", () => {
    const listed = (...letters: string[]) => isListed(info, new Set(letters));
    assertEquals([listed(), listed("u"), listed("d"), listed("b", "u")], [true, true, false, true]);
    assert(!isListed({ ...info, flags: 0x8049 }, new Set(["b"])));
  });
});

describe("a list of interfaces that is cut or wrong", () => {
  const message = new Uint8Array(IfMsghdr.size);
  IfMsghdr.write(viewOf(message), 0, { msglen: message.length, version: 4, type: RTM.IFINFO, addrs: 0x10 });
  for (
    const [what, bytes] of [
      ["a message without the address it announces", message],
      ["a message that ends behind the list", message.subarray(0, 100)],
      ["a message of no length", new Uint8Array(64)],
    ] as const
  ) {
    it(`is an error: ${what}`, () => {
      let thrown: unknown;
      try {
        parseInterfaces(bytes);
      } catch (e) {
        thrown = e;
      }
      assertEquals(thrown, errno.EPROTO);
    });
  }
});

describe("words of rump.ifconfig", () => {
  it("whatever they are, they make a plan or a usage error", () => {
    const seed = seedOf();
    const random = randomOf(seed);
    const some = [
      "10.0.0.1",
      "10.0.0.1/24",
      "fe80::1%lo0",
      "::1/128",
      "300.1.1.1",
      "/",
      "0x",
      "-1",
      "",
      "5",
      "__proto__",
    ];
    const all = [...Object.keys(words), ...some];
    for (let i = 0; i < 20_000; i++) {
      const given = Array.from({ length: 1 + random(6) }, () => all[random(all.length)]!);
      try {
        assertEquals(plansOf("x0", given)[0]!.name, "x0");
      } catch (e) {
        assert(e instanceof WordError, `seed ${seed}: ${given.join(" ")}: ${e}`);
      }
    }
  });
  it("flags change in the order they are said in, an address is said in any", () => {
    const { steps, address } = plansOf("x0", [
      "up",
      "mtu",
      "9000",
      "alias",
      "-arp",
      "10.0.0.1",
      "netmask",
      "0xffff0000",
    ])[0]!;
    assertEquals(steps.map((s) => "com" in s ? s.com : "on" in s && s.on), [IFF.UP, "SIOCSIFMTU", IFF.NOARP]);
    assertEquals([address.how, address.address, address.mask], ["add", 0x0a00_0001, 0xffff_0000]);
  });
  it("another family's word behind an address begins another address; before one it does not", () => {
    const said = (line: string) =>
      plansOf("x0", line.split(" ")).map(({ address: a }) => [a.family, a.how, a.length, String(a.address)]);
    assertEquals(said("inet 10.0.0.1/24 inet6 fd00::1/64 alias"), [
      [AF_INET, "replace", 24, String(0x0a00_0001)],
      [AF_INET6, "add", 64, String(parseIpv6("fd00::1"))],
    ]);
    assertEquals(said("alias inet6 fd00::1 inet6").length, 1);
  });
});
