/** rump.arp and rump.ndp, beside recordings of NetBSD's. */
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { withLab } from "./net_lab.ts";

/** Link addresses are not the recording's. */
const macless = (text: string) => text.replace(/b2(:[0-9a-f]{2}){5}/g, "MAC");
const HEAD = "Neighbor                             Linklayer Address  Netif Expire    S Flags\n";

describe("rump.arp", () => {
  it("lists neighbours and our own addresses as NetBSD's does", () =>
    withLab((sh, on) => {
      sh.must("rump.ping -n -o 10.1.0.1", on);
      sh.run("rump.ping -n -c 1 -w 0.1 10.1.0.200", on);
      const out = macless(sh.must("rump.arp -an", on));
      const [own, known, asked] = [
        "? (10.1.0.2) at MAC on shmif0 permanent\n",
        "? (10.1.0.1) at MAC on shmif0\n",
        "? (10.1.0.200) at (incomplete) on shmif0\n",
      ];
      assertEquals(out, own + known + asked);
      assertEquals(macless(sh.must("rump.arp -n 10.1.0.1", on)), known);
      assertEquals(sh.run("rump.arp 10.1.0.9", on), { status: 1, out: "", err: "rump.arp: 10.1.0.9: no entry\n" });
    }));
  it("enters, publishes and deletes", () =>
    withLab((sh, on) => {
      writeFileSync(`${sh.dir}/ethers`, "# of the lab\n10.1.0.7 2:0:0:0:0:7 temp\n10.1.0.8 02:00:00:00:00:08 pub\n");
      sh.must("rump.arp -s 10.1.0.6 02:00:00:00:00:06 && rump.arp -f ethers", on);
      const line = (n: number, more: string) => `? (10.1.0.${n}) at 02:00:00:00:00:0${n} on shmif0${more}\n`;
      const out = sh.must("rump.arp -an -i shmif0", on);
      for (const l of [line(6, " permanent"), line(7, ""), line(8, " permanent published")]) {
        assert(out.includes(l), out);
      }
      sh.must("rump.arp -d 10.1.0.6 && rump.arp -da", on);
      assertEquals(macless(sh.must("rump.arp -an", on)), "? (10.1.0.2) at MAC on shmif0 permanent\n");
      assertEquals(sh.run("rump.arp -d 10.1.0.6", on).err, "rump.arp: 10.1.0.6: no entry\n");
    }));
  it("says with -v what it did; publishes with our own address; deletes only what is published", () =>
    withLab((sh, on) => {
      assertEquals(sh.must("rump.arp -v -s 10.1.0.7 auto pub proxy", on), "10.1.0.7 (10.1.0.7) added\n");
      const lines = sh.must("rump.arp -an", on).split("\n");
      const mac = (host: string) => lines.find((l) => l.includes(`(${host})`))!.split(" ")[3];
      assertEquals(mac("10.1.0.7"), mac("10.1.0.2"));
      sh.must("rump.arp -s 10.1.0.8 02:00:00:00:00:08", on);
      assertEquals(sh.run("rump.arp -d 10.1.0.8 proxy", on).err, "rump.arp: 10.1.0.8: no entry\n");
      assertEquals(sh.must("rump.arp -v -d 10.1.0.7 proxy", on), "10.1.0.7 (10.1.0.7) deleted\n");
      assertEquals(sh.must("rump.arp -v -da", on), "10.1.0.8 (10.1.0.8) deleted\n");
    }));
  it("says what cannot be entered", () =>
    withLab((sh, on) => {
      const err = (args: string) => sh.run(`rump.arp ${args}`, on).err;
      assertEquals(err("-s 10.2.0.2 02:00:00:00:00:06"), "rump.arp: 10.2.0.2: on none of our networks\n");
      assertEquals(err("-s 10.1.0.2 02:00:00:00:00:06"), "rump.arp: 10.1.0.2: an address of our own\n");
      assertEquals(err("-s 10.1.0.6 nonsense"), "rump.arp: 10.1.0.6: nonsense: not a link address and temp or pub\n");
      assertEquals(err("-a -i shmif7"), "rump.arp: shmif7: no such interface\n");
    }));
});

describe("rump.ndp", () => {
  it("lists neighbours as NetBSD's does", () =>
    withLab((sh, on) => {
      sh.must("rump.ping -n -o 10.1.0.1", on);
      sh.must("rump.ndp -s 2001:db8:1::7 02:00:00:00:00:07", on);
      const out = macless(sh.must("rump.ndp -an", on));
      assert(out.startsWith(HEAD), out);
      const row = (address: string, mac: string) =>
        `${address.padEnd(36)} ${mac.padEnd(mac === "MAC" ? 3 : 17)} shmif0 permanent R \n`;
      assert(out.includes(row("2001:db8:1::2", "MAC")), out);
      assert(out.includes(row("2001:db8:1::7", "02:00:00:00:00:07")), out);
      sh.must("rump.ndp -d 2001:db8:1::7", on);
      assert(!sh.must("rump.ndp -an", on).includes("2001:db8:1::7"));
      assertEquals(sh.run("rump.ndp 2001:db8:1::7", on).err, "rump.ndp: 2001:db8:1::7: no entry\n");
    }));
  it("shows and changes how neighbours are found on an interface", () =>
    withLab((sh, on) => {
      assertMatch(sh.must("rump.ndp -i shmif0", on), /basereachable=30s0ms, .*\nFlags: nud .*auto_linklocal\n$/);
      sh.must("rump.ndp -i shmif0 -nud disabled basereachable=2500", on);
      assertMatch(sh.must("rump.ndp -i shmif0", on), /basereachable=2s500ms, .*\nFlags: (?!nud).*disabled/);
      assertEquals(sh.run("rump.ndp -i shmif0 nod", on).err, "rump.ndp: shmif0: nod: unknown word\n");
    }));
  it("-A lists again and again, -t with the time; -H is about routers, of which there are none", () =>
    withLab((sh, on) => {
      sh.must("rump.ndp -H", on);
      const out = sh.run("timeout 1.5 rump.ndp -n -t -A 1", on).out;
      assertMatch(out, /^\d\d:\d\d:\d\d\.\d{6} Neighbor /);
      assertEquals(out.split("Neighbor ").length, 3);
    }));
  it("lists routers and prefixes, of which there are none without advertisements", () =>
    withLab((sh, on) => {
      assertEquals(sh.must("rump.ndp -r; rump.ndp -p; rump.ndp -R; rump.ndp -P; rump.ndp -c", on), "");
    }));
});
