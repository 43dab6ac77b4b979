/** What the interface virt is attached to, and what is said when it cannot be. */
import { describe, it } from "node:test";
import virt from "../../plugins/net_virt/mod.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import type { NetDevice, OpenTap, Tap } from "../../src/plugin.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { plainSys } from "../cases/fat_images.ts";
import { Netns, noNetns } from "./netns.ts";

const fails = (fn: () => unknown, e: SysError) => void assertThrows(fn, SysError, e.message);
/** A device over taps that do nothing; what was opened, closed and logged, in order. */
async function device(open: (name: string) => void = () => {}) {
  const seen: string[] = [];
  const tap: OpenTap = (name) => {
    open(name);
    seen.push(`open ${name}`);
    const made: Tap = {
      name,
      offload: undefined,
      receive: (on) => void seen.push(on ? "receive" : "stop"),
      send: () => {},
      close: () => void seen.push(`close ${name}`),
    };
    return made;
  };
  const made = await virt.create({ ...plainSys((line) => seen.push(line)), tap }, 3, {}) as NetDevice;
  return { device: made, seen };
}

describe("virt", () => {
  it("virt3 is attached to tun3 from the beginning", async () => {
    const { device: d, seen } = await device();
    await d.up(() => {});
    await d.down();
    await d.destroy!();
    assertEquals(seen, ["open tun3", "receive", "stop", "stop", "close tun3"]);
  });
  it("or to what its linkstr names, while it is down", async () => {
    const { device: d, seen } = await device();
    await d.setLinkstr!("mine");
    assertEquals([d.linkstr, seen], ["mine", ["open tun3", "close tun3", "open mine"]]);
    fails(() => d.setLinkstr!("other"), errno.EBUSY);
    await d.up(() => {});
    fails(() => d.setLinkstr!(undefined), errno.EBUSY);
    await d.down();
    await d.setLinkstr!(undefined);
    assertEquals([d.linkstr, seen.at(-1)], [undefined, "close mine"]);
  });
  it("who may not make one hears why in one line, and can name another", async () => {
    const { device: d, seen } = await device((name) => {
      if (name === "tun3") throw errno.EPERM;
    });
    fails(() => d.up(() => {}), errno.EPERM);
    assertEquals(seen, ["virt3: tun3: operation not permitted"]);
    await d.setLinkstr!("mine");
    await d.up(() => {});
    assertEquals(seen.slice(1), ["open mine", "receive"]);
  });
});
describe("TAP devices of the host", { skip: noNetns() ?? false }, () => {
  it("one that somebody has is busy; one that is no TAP, and names that cannot be, are refused", async () => {
    using ns = new Netns();
    const { sys } = await ns.host("offload");
    assert(sys !== undefined);
    ns.must("ip", "-n", ns.name, "link", "add", "other0", "type", "bridge");
    const out = await ns.ours("tap_names.ts", "tun0", "other0", "", "a/b", "sixteen-letters-", "tun1");
    assertEquals(out.trim(), "EBUSY EINVAL EINVAL EINVAL EINVAL opened");
  });
});
