/** Shared memory between the programs and a server on the same machine. */
import { readdirSync } from "node:fs";
import { availableParallelism, platform } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, it } from "node:test";
import { host } from "../../src/host/mod.ts";
import { connect, connectSync } from "../../src/rump.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const RUMP_SERVER = "unix://sock";
/** On one CPU nobody asks for a ring. */
const skip = platform() !== "linux" || availableParallelism() < 2;
const sysctl = (sh: Shell, name: string) => Number(sh.must(`rump.sysctl -n rump.sp.${name}`, { RUMP_SERVER }));
const busy = "sh -c 'RUMP_SERVER=unix://sock exec rump.dd if=/dev/zero of=/tmp/x bs=512 count=100000000 2>dd.err'";
const has = (what: string) => `[ "$(RUMP_SERVER=unix://sock rump.sysctl -n rump.sp.${what})" `;

describe("a ring in shared memory", { skip }, () => {
  it("is what a busy client gets; killed, it leaves nothing", () =>
    within(async (sh) => {
      const server = sh.start(`rump_server -s -l rumpvfs -l rumpfs_tmpfs ${RUMP_SERVER}`);
      assert(sh.until("[ -S sock ]", 20));
      const fds = () => readdirSync(`/proc/${server.pid}/fd`).length;
      sysctl(sh, "rings");
      const before = fds();
      const dd = sh.start(busy);
      assert(sh.until(`${has("rings")} -eq 1 ]`, 20), "no ring");
      assert(sh.until(`${has("ring_calls")} -gt 100 ]`, 20), "no calls through it");
      dd.kill("SIGKILL");
      assert(sh.until(`${has("rings")} -eq 0 ]`, 20), "the ring stays");
      assert(await dd.ended > 0);
      for (let i = 0; i < 100 && fds() > before; i++) await new Promise((r) => setTimeout(r, 50));
      assert(fds() <= before, `${fds()} descriptors, ${before} before`);
      assertEquals(sh.must(`grep -c memfd /proc/${server.pid}/maps || true`), "0\n");
      sh.must("rump.halt", { RUMP_SERVER });
    }));
  it("carries the same bytes as the socket, and is not used where it is switched off", () =>
    within((sh) => {
      sh.must(`rump_server -l rumpvfs ${RUMP_SERVER}`);
      sh.must("rump.dd if=/dev/urandom of=/x bs=100001 count=200", { RUMP_SERVER });
      const calls = sysctl(sh, "ring_calls");
      const off = sh.must("rump.dd if=/x bs=7777 2>/dev/null | cksum", { RUMP_SERVER, RUMP_RING: "0" });
      sh.must("rump.sysctl -w rump.sp.limits.rings=0", { RUMP_SERVER });
      assertEquals(sh.must("rump.dd if=/x bs=7777 2>/dev/null | cksum", { RUMP_SERVER }), off);
      assertEquals(sysctl(sh, "ring_calls"), calls);
      sh.must("rump.sysctl -w rump.sp.limits.rings=9", { RUMP_SERVER });
      for (const size of [7777, 65_536, 200_000]) {
        assertEquals(sh.must(`rump.dd if=/x bs=${size} 2>/dev/null | cksum`, { RUMP_SERVER }), off, `${size}`);
      }
      sh.must("rump.halt", { RUMP_SERVER });
    }));
  it("serves a program's own blocking client from its first call on, beside one that waits", () =>
    within(async (sh) => {
      sh.must(`rump_server -l rumpvfs unix://${sh.dir}/sock`);
      const { sys, prefork, close } = connectSync(`unix://${sh.dir}/sock`, "mine");
      const [from, to] = sys.pipe();
      const other = await connect(`unix://${sh.dir}/sock`, "other", { fork: prefork() });
      const buf = new Uint8Array(10);
      const read = other.sys.read({ fd: from, buf });
      for (let i = 0; i < 1000; i++) assertEquals(sys.getpid().length, 2);
      assertEquals(sysctl(sh, "rings"), 1);
      sys.write({ fd: to, buf: new Uint8Array([1, 2, 3]) });
      assertEquals([await read, ...buf.subarray(0, 3)], [3, 1, 2, 3]);
      close();
      assertThrows(() => sys.getpid());
      other.close();
      await other.closed;
      sh.must("rump.halt", { RUMP_SERVER });
    }));
  it("scribbled into by one client while the server reads it does no harm to another (fuzz)", () =>
    within(async (sh) => {
      const seed = Number(process.env.SEED ?? Date.now() & 0xffff);
      sh.must(`rump_server -l rumpvfs --log=log unix://${sh.dir}/sock`);
      const script = fileURLToPath(new URL("../cases/ring_scribbler.ts", import.meta.url).href);
      const run = host.runtime === "bun" ? [script] : ["run", "-A", "--no-check", "--no-lock", script];
      const hostile = host.spawn(host.self.path, [...run, `${sh.dir}/sock`, String(seed), "2500"]);
      let ended = false;
      void hostile.status.then(() => (ended = true));
      const { sys, close } = connectSync(`unix://${sh.dir}/sock`, "good");
      const ub = new Uint8Array(152);
      let calls = 0;
      for (; !ended; await new Promise((r) => setTimeout(r, 1))) {
        for (let i = 0; i < 50; i++, calls++) assertEquals(sys.stat({ path: "/", ub }), 0);
      }
      assertEquals([await hostile.status, await hostile.stderr], [0, ""], `SEED=${seed}`);
      assert(Number(await hostile.stdout) > 0 && calls > 50, `SEED=${seed}: ${calls} calls`);
      assertEquals(sh.run("grep -c bug log").out.trim(), "0", `SEED=${seed}`);
      close();
      sh.must("rump.halt", { RUMP_SERVER });
    }));
  it("of a server that is killed ends its client with a reason", () =>
    within(async (sh) => {
      const server = sh.start(`rump_server -s -l rumpvfs -l rumpfs_tmpfs ${RUMP_SERVER}`);
      assert(sh.until("[ -S sock ]", 20));
      const dd = sh.start(busy);
      assert(sh.until(`${has("ring_calls")} -gt 100 ]`, 20));
      server.kill("SIGKILL");
      assertEquals(await dd.ended, 1);
      assert(sh.must("cat dd.err").includes("reset"), sh.must("cat dd.err"));
    }));
});
