/** The interface pcap: another one's frames, kept in a file of the host as well. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import { parseRecorded } from "../../plugins/net_pcap/options.ts";
import driver from "../../plugins/net_pcap/mod.ts";
import { errno } from "../../src/abi/errno.ts";
import { netCases } from "../../src/conformance/net.ts";
import { host } from "../../src/host/mod.ts";
import type { Input, NetDevice, NetDriver, Sys } from "../../src/plugin.ts";
import { boot } from "../../src/rump.ts";
import { assert, assertEquals } from "../assert.ts";
import { fakeHost } from "../kern/fake.ts";

async function inDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(`${tmpdir()}/pcap-`);
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
/** What it rejects with. */
const failure = (work: () => Promise<void>): Promise<unknown> => work().then(() => "nothing", (e: unknown) => e);
const frame = (length: number) => new Uint8Array(length).fill(length & 255);

/** A pcap interface over one that keeps what it is sent. `broken`: no write but the first works. */
function wrapped(broken = false) {
  const machine = fakeHost();
  const log: string[] = [];
  const sent: number[] = [];
  let input: Input = () => {};
  const inner: NetDevice = {
    medium: "ethernet",
    mtu: 1500,
    mac: new Uint8Array(6),
    setLinkstr: () => {},
    up: (fn) => void (input = fn),
    output: (f) => void sent.push(f.length),
    down: () => {},
  };
  let writes = 0;
  const growingFile: Sys["growingFile"] = (path) => {
    const file = host.growingFile(path);
    if (!broken) return file;
    const append = (bytes: Uint8Array) => {
      if (writes++ > 0) throw errno.ENOSPC;
      file.append(bytes);
    };
    return { size: file.size, head: (n) => file.head(n), append, close: () => file.close() };
  };
  const sys = {
    errno,
    now: () => machine.clock,
    random: (into: Uint8Array) => machine.random(into),
    log: (line: string) => void log.push(line),
    netDevice: () => inner,
    growingFile,
  } as unknown as Sys;
  return { device: driver.create(sys, 0, {}) as NetDevice, log, sent, come: (f: Uint8Array) => input(f) };
}

describe("the interface pcap", () => {
  it("holds what every network driver must", () =>
    inDirectory(async (dir) => {
      const { kernel } = await boot({ components: ["rumpnet_pcap"] });
      let made = 0;
      const attached: NetDriver = {
        ...driver,
        async create(sys, unit) {
          const device = await driver.create(sys, unit, {});
          await device.setLinkstr!(`shmif:${dir}/bus?file=${dir}/${made++}.pcapng`);
          return device;
        },
      };
      for (const claim of netCases(kernel.sys, attached, {})) await claim.run();
      await kernel.halt();
      assert(made >= 5);
    }));
  it("a full disk is told once, and frames go on", () =>
    inDirectory(async (dir) => {
      const w = wrapped(true);
      await w.device.setLinkstr!(`other:x?file=${dir}/a`);
      await w.device.up(() => {});
      for (let i = 0; i < 3; i++) await w.device.output(frame(60));
      assertEquals(w.log, [`pcap0: ${dir}/a: ${errno.ENOSPC.message}: frames are not written any more`]);
      assertEquals(w.sent, [60, 60, 60]);
    }));
  it("the file is no longer than it may be; that it is full is told once, and frames go on", () =>
    inDirectory(async (dir) => {
      const w = wrapped();
      let came = 0;
      await w.device.setLinkstr!(`other:x?file=${dir}/a&size=2k`);
      await w.device.up(() => void came++);
      for (let i = 0; i < 50; i++) {
        await w.device.output(frame(100));
        w.come(frame(101));
      }
      await w.device.destroy!();
      const { length } = readFileSync(`${dir}/a`);
      assert(length > 1800 && length <= 2048);
      assertEquals(w.log, [`pcap0: ${dir}/a: the 2048 bytes it may have are full: frames are not written any more`]);
      assertEquals([w.sent.length, came], [50, 50]);
    }));
  it("a path that cannot be written fails what attaches it, with the reason in the log", async () => {
    const w = wrapped();
    const e = await failure(async () => await w.device.setLinkstr!("other:x?file=/nonexistent/a"));
    assertEquals([e, w.device.linkstr], [errno.ENOENT, undefined]);
    assertEquals(w.log, [`pcap0: /nonexistent/a: ${errno.ENOENT.message}`]);
  });
  it("a file that is no capture is left as it is", () =>
    inDirectory(async (dir) => {
      writeFileSync(`${dir}/a`, "precious");
      const e = await failure(async () => await wrapped().device.setLinkstr!(`other:x?file=${dir}/a`));
      assertEquals([e, readFileSync(`${dir}/a`, "utf8")], [errno.EFTYPE, "precious"]);
    }));
  it("a file that another interface writes is busy", () =>
    inDirectory(async (dir) => {
      await wrapped().device.setLinkstr!(`other:x?file=${dir}/a`);
      const e = await failure(async () => await wrapped().device.setLinkstr!(`other:x?file=${dir}/a`));
      assertEquals(e, errno.EBUSY);
    }));
  it("a linkstr may have the options of the driver underneath, too", () => {
    const link = parseRecorded("lossy:shmif:bus?loss=1%?file=a.pcapng&size=3k");
    assertEquals(link, { driver: "lossy", linkstr: "shmif:bus?loss=1%", file: "a.pcapng", size: 3072 });
  });
  for (
    const bad of [
      "shmif:bus",
      "shmif:bus?size=1k",
      "shmif:bus?file=",
      "x?file=a",
      "x:y?file=a&size=0",
      "x:y?file=a&z=1",
    ]
  ) {
    it(`${bad} is EINVAL, and makes no file`, async () => {
      const w = wrapped();
      assertEquals(await failure(async () => await w.device.setLinkstr!(bad)), errno.EINVAL);
      assertEquals([w.log.length, existsSync("a")], [1, false]);
    });
  }
});
