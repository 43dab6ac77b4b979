/** The interface lossy: what a bad link does to frames, by a seed. */
import { describe, it } from "node:test";
import driver from "../../plugins/net_lossy/mod.ts";
import { parseLink } from "../../plugins/net_lossy/options.ts";
import { errno } from "../../src/abi/errno.ts";
import type { NetDevice, Sys } from "../../src/plugin.ts";
import { assert, assertEquals } from "../assert.ts";
import { fakeHost } from "../kern/fake.ts";

/** A lossy interface over one that keeps what it is given, with the time of it, and the clock. */
async function link(options: string) {
  const host = fakeHost();
  const start = host.clock;
  const sent: { readonly n: number; readonly ms: number; readonly frame: Uint8Array }[] = [];
  const log: string[] = [];
  const inner: NetDevice = {
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array(6),
    setLinkstr: () => {},
    up: () => {},
    output: (f) => void sent.push({ n: f[14]! * 256 + f[15]!, ms: host.clock - start, frame: f.slice() }),
    down: () => {},
  };
  const sys = {
    errno,
    now: () => host.clock,
    random: (into: Uint8Array) => host.random(into),
    log: (line: string) => void log.push(line),
    callout: (ms: number, fn: () => void) => host.timer(ms, fn),
    netDevice: (name: string) => {
      if (name !== "other") throw errno.ENXIO;
      return inner;
    },
  } as unknown as Sys;
  const device = await driver.create(sys, 0, {});
  const attach = async () => {
    await device.setLinkstr!(`other:x?${options}`);
    await device.up(() => {});
  };
  const send = (count: number) => {
    for (let n = 0; n < count; n++) void device.output(frame(n));
  };
  /** Let time pass, a millisecond at a time. */
  const pass = (ms: number) => {
    for (let i = 0; i < ms; i++) host.pass(1);
  };
  return { device, attach, send, pass, sent, log };
}
function frame(n: number): Uint8Array {
  const f = new Uint8Array(1000);
  f[14] = n >>> 8;
  f[15] = n & 255;
  return f;
}
async function linked(options: string) {
  const l = await link(options);
  await l.attach();
  return l;
}
const ns = (sent: readonly { readonly n: number }[]) => sent.map(({ n }) => n);
const within = (n: number, low: number, high: number) => assert(n >= low && n <= high);

describe("lossy", () => {
  it("without options, all frames go through at once and as they are", async () => {
    const l = await linked("");
    l.send(100);
    assertEquals(ns(l.sent), Array.from({ length: 100 }, (_, i) => i));
  });
  it("loses the share it is told to", async () => {
    const l = await linked("loss=10%");
    l.send(10_000);
    within(l.sent.length, 8850, 9150);
  });
  it("loses the same frames for the same seed, others for another", async () => {
    const [a, b, c] = [
      await linked("loss=50%&seed=7"),
      await linked("loss=50%&seed=7"),
      await linked("loss=50%&seed=8"),
    ];
    for (const l of [a, b, c]) l.send(100);
    assertEquals(ns(a.sent), ns(b.sent));
    assert(String(ns(a.sent)) !== String(ns(c.sent)));
  });
  it("loses the same frames whatever else it does", async () => {
    const [a, b] = [await linked("loss=50%"), await linked("loss=50%&corrupt=100%&delay=1ms&jitter=1ms")];
    for (const l of [a, b]) l.send(100);
    b.pass(10);
    assertEquals(ns(a.sent).length, b.sent.length);
  });
  it("doubles frames", async () => {
    const l = await linked("duplicate=100%");
    l.send(2);
    assertEquals(ns(l.sent), [0, 0, 1, 1]);
  });
  it("damages one bit", async () => {
    const l = await linked("corrupt=100%");
    l.send(1);
    const bits = [...l.sent[0]!.frame].reduce((n, b) => n + b.toString(2).replaceAll("0", "").length, 0);
    assertEquals(bits, 1);
  });
  it("delays frames, in order", async () => {
    const l = await linked("delay=10ms");
    l.send(3);
    l.pass(20);
    assertEquals(l.sent.map(({ n, ms }) => [n, ms]), [[0, 10], [1, 10], [2, 10]]);
  });
  it("sends some before those that are delayed", async () => {
    const l = await linked("delay=10ms&reorder=50%");
    l.send(100);
    within(l.sent.length, 35, 65);
    l.pass(20);
    assertEquals(l.sent.length, 100);
  });
  it("sends no faster than its rate", async () => {
    const l = await linked("rate=8mbit"); // 1000 bytes are a millisecond
    l.send(5);
    l.pass(20);
    assertEquals(l.sent.map(({ ms }) => ms), [1, 2, 3, 4, 5]);
  });
  it("drops what its queue has no room for", async () => {
    const l = await linked("rate=8mbit&queue=3");
    l.send(10);
    l.pass(20);
    assertEquals(ns(l.sent), [0, 1, 2]);
  });
  it("down, it forgets what is under way", async () => {
    const l = await linked("delay=10ms");
    l.send(3);
    await l.device.down();
    l.pass(20);
    assertEquals(l.sent.length, 0);
  });
  it("a driver that is not loaded is ENXIO", async () => {
    const { device } = await link("");
    let code = "";
    await Promise.resolve(device.setLinkstr!("nothing:x")).catch((e) => (code = e.code));
    assertEquals(code, "ENXIO");
  });
  for (const bad of ["loss=200%", "loss=-1", "delay=10", "delay=1e9s", "nonsense=1", "rate=fast", "seed="]) {
    it(`${bad} is EINVAL, and the log says why`, async () => {
      const l = await link(bad);
      let code = "";
      await l.attach().catch((e) => (code = e.code));
      assertEquals([code, l.log[0]!.startsWith(`lossy0: ${bad}: not one of loss, `)], ["EINVAL", true]);
    });
  }
  it("units are what they say", () => {
    const { faults } = parseLink("shmif:/a/b?delay=1.5s&jitter=200us&rate=2gbit&loss=0.25") as Exclude<
      ReturnType<typeof parseLink>,
      string
    >;
    assertEquals([faults.delay, faults.jitter, faults.rate, faults.loss], [1500, 0.2, 2e9, 0.25]);
  });
});
