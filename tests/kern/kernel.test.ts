import { describe, it } from "node:test";
import type { Component, Plugin } from "../../src/plugin.ts";
import { bootKernel } from "../../src/kern/kernel.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { fakeHost, fakeKernel } from "./fake.ts";

const part = (name: string, order: string[]): Component => ({
  kind: "component",
  name,
  setup: (kernel) => {
    order.push(name);
    kernel.atHalt(() => void order.push(`-${name}`));
  },
});
const load = (plugin: Plugin) => () => Promise.resolve({ default: plugin });

describe("components", () => {
  it("load what they need first, once, and halt in reverse order", async () => {
    const order: string[] = [];
    const kernel = await bootKernel(fakeHost(), {
      builtins: {
        rumpvfs: { load: load(part("rumpvfs", order)) },
        rumpfs_x: { requires: ["rumpvfs"], load: load(part("rumpfs_x", order)) },
      },
      components: ["rumpfs_x", "rumpvfs", "librumpvfs.so", "x"],
    });
    await Promise.all([kernel.halt(), kernel.halt()]);
    assertEquals(order, ["rumpvfs", "rumpfs_x", "-rumpfs_x", "-rumpvfs"]);
  });
  it("an unknown name is an error that says so", async () => {
    await assertRejects(() => bootKernel(fakeHost(), { components: ["nosuch"] }), Error, "nosuch: no such component");
  });
  it("a file that is no plugin is refused by name", async () => {
    const host = fakeHost();
    host.modules.set("./x.ts", { default: { kind: "fs" } });
    await assertRejects(
      () => bootKernel(host, { components: ["./x.ts"] }),
      Error,
      "./x.ts: not a plugin: its name is no word",
    );
  });
  it("a second plugin of one kind and name is refused", async () => {
    const { kernel } = await fakeKernel();
    await kernel.use(part("a", []));
    assertThrows(() => void kernel.use(part("a", [])), Error, "component a is registered already");
  });
  it("a halt goes on past a failing part, and fails in the end", async () => {
    const { kernel } = await fakeKernel();
    let synced = false;
    kernel.atHalt(() => void (synced = true));
    kernel.atHalt(() => {
      throw new Error("disk gone");
    });
    await assertRejects(() => kernel.halt(), Error, "disk gone");
    assertEquals(synced, true);
  });
});
describe("log", () => {
  it("a name from outside cannot forge a line", async () => {
    const { kernel } = await fakeKernel();
    kernel.log.write("bad name a\nhalted\x1b[2J");
    assertEquals(kernel.log.lines.at(-1), "bad name a\\x0ahalted\\x1b[2J");
  });
});
