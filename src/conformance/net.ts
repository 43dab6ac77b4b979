/** What every network driver must do, as far as one kernel can tell; what arrives elsewhere is its own tests' affair. */
import type { NetDevice, NetDriver, Sys } from "../plugin.ts";
import { assert, assertEquals } from "./assert.ts";
import { pattern } from "./claim.ts";
import type { Case } from "./fs.ts";

/** Smallest MTU of an IPv4 host (RFC 791), and the largest IP packet. */
const [LEAST, MOST] = [68, 65_535];
const ETHERNET_HEADER = 14;

interface NetClaim {
  readonly name: string;
  run(device: NetDevice, other: () => Promise<NetDevice>): Promise<void>;
}
/** A frame to everybody, of the experimental EtherType 88B5; of other media a packet of no IP version. */
function frame(d: NetDevice, length: number): Uint8Array {
  const bytes = pattern(length, 9);
  if (d.medium === "ethernet") bytes.set([255, 255, 255, 255, 255, 255, ...d.mac!, 0x88, 0xb5]);
  else bytes[0] = 0xf0;
  return bytes;
}
const claims: readonly NetClaim[] = [
  {
    name: "medium, MTU and link address are such as there can be",
    async run(d) {
      assert(["ethernet", "ip", "loopback"].includes(d.medium), `medium ${d.medium}`);
      assert(Number.isInteger(d.mtu) && d.mtu >= LEAST && d.mtu <= MOST, `mtu ${d.mtu}`);
      if (d.medium !== "ethernet") return;
      assertEquals([d.mac?.length, (d.mac?.[0] ?? 1) & 1], [6, 0], "link address");
      await undefined;
    },
  },
  {
    name: "two interfaces of it have different link addresses",
    async run(d, other) {
      const second = await other();
      if (d.mac && second.mac) assert(String(d.mac) !== String(second.mac), `both are ${d.mac}`);
    },
  },
  {
    name: "it goes up and down, and up again",
    async run(d) {
      for (let i = 0; i < 3; i++) {
        await d.up(() => {});
        await d.down();
      }
    },
  },
  {
    name: "frames of every length up to the MTU are taken, and not changed",
    async run(d) {
      await d.up(() => {});
      const header = d.medium === "ethernet" ? ETHERNET_HEADER : 0;
      for (const n of [header + 1, 60, header + d.mtu]) {
        const bytes = frame(d, Math.max(n, header + 1));
        const before = bytes.slice();
        await d.output(bytes);
        assertEquals(bytes, before);
      }
      await d.down();
    },
  },
  {
    name: "nothing comes in once it is down",
    async run(d, other) {
      let came = 0;
      await d.up(() => void came++);
      await d.down();
      const second = await other();
      const before = came;
      await second.up(() => {});
      await second.output(frame(second, 60));
      await second.down();
      assertEquals(came, before);
    },
  },
];
/** All claims on a network driver; each makes interfaces anew. */
export function netCases(sys: Sys, driver: NetDriver, options: unknown): Case[] {
  return claims.map(({ name, run }) => ({
    group: "network interface",
    name,
    skip: false,
    async run() {
      const made: NetDevice[] = [];
      const make = async () => {
        const device = await driver.create(sys, made.length, options);
        made.push(device);
        return device;
      };
      try {
        await run(await make(), make);
      } finally {
        for (const device of made) await device.destroy?.();
      }
    },
  }));
}
