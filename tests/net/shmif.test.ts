/** The interface shmif: two kernels on one bus file. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AF_INET, SOCK_DGRAM } from "../../src/abi/flags.ts";
import { maskOf, parseIpv4 } from "../../src/lib/inet.ts";
import { BUS_SIZE } from "../../src/wire/shmif.ts";
import { stackOf } from "../../src/net/interfaces.ts";
import { assertEquals } from "../assert.ts";
import { boot } from "../../src/rump.ts";
import { sin } from "./helpers.ts";

export async function inDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "rump-shmif-"));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
async function hostOn(path: string, address: string) {
  const made = await boot({ components: ["rumpnet_shmif"] });
  const stack = stackOf(made.kernel);
  const iface = await stack.create("shmif0");
  await iface.device.setLinkstr!(path);
  const mask = maskOf(24);
  const a = parseIpv4(address)!;
  await stack.addAddress(iface, { address: a, mask, broadcast: (a | ~mask) >>> 0 });
  return { ...made, stack, iface };
}

describe("shmif", () => {
  it("makes the bus file: 1 MiB, mode 0644", () =>
    inDirectory(async (dir) => {
      const { kernel } = await hostOn(`${dir}/bus`, "10.0.0.1");
      const { size, mode } = statSync(`${dir}/bus`);
      assertEquals([size, mode & 0o777], [BUS_SIZE, 0o644]);
      await kernel.halt();
    }));
  it("carries a datagram there and back", () =>
    inDirectory(async (dir) => {
      const [a, b] = [await hostOn(`${dir}/bus`, "10.0.0.1"), await hostOn(`${dir}/bus`, "10.0.0.2")];
      const [s, t] = [a, b].map(({ sys }) => sys.socket({ domain: AF_INET, type: SOCK_DGRAM, protocol: 0 }) as number);
      await b.sys.bind({ s: t!, name: sin("10.0.0.2", 7) });
      await a.sys.connect({ s: s!, name: sin("10.0.0.2", 7) });
      await a.sys.write({ fd: s!, buf: new TextEncoder().encode("there") });
      const buf = new Uint8Array(32);
      const n = await b.sys.read({ fd: t!, buf }) as number;
      assertEquals(new TextDecoder().decode(buf.subarray(0, n)), "there");
      await a.kernel.halt();
      await b.kernel.halt();
    }));
  it("a file that is no bus is left as it is", () =>
    inDirectory(async (dir) => {
      writeFileSync(`${dir}/bus`, "precious");
      let code = "";
      await hostOn(`${dir}/bus`, "10.0.0.1").catch((e) => (code = e.code));
      assertEquals([code, statSync(`${dir}/bus`).size], ["EFTYPE", 8]);
    }));
});
