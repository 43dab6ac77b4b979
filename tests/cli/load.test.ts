/** Many clients, killed at any moment: the server keeps nothing of them. `SOAK=60` does it for a minute. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import process from "node:process";
import { LOAD_CLIENT } from "../cases/load_client.ts";
import { assert, assertEquals } from "../assert.ts";
import { within } from "./helpers.ts";

const SECONDS = Number(process.env.SOAK ?? 3);
const RUMP_SERVER = "unix://sock";
const pause = (ms: number) => new Promise((r) => setTimeout(r, ms));

describe("load", () => {
  it("2,000 clients at once, each with calls", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/load.c`, LOAD_CLIENT);
      sh.must("cc -O2 -w load.c -o load");
      sh.must(`rump_server -l rumpvfs ${RUMP_SERVER}`);
      assertEquals(sh.must("./load sock 2000 5").trim().split("\n").length, 2);
      const calls = Number(sh.must("sleep 0.2; rump.sysctl -n rump.sp.calls", { RUMP_SERVER }));
      assert(calls >= 10_000, `${calls} calls`);
      assertEquals(sh.must("rump.sysctl -n rump.sp.clients", { RUMP_SERVER }), "1\n");
      sh.must("rump.halt", { RUMP_SERVER });
    }));
  it(`clients killed at random for ${SECONDS} s leave no descriptor, process or call`, () =>
    within(async (sh) => {
      writeFileSync(`${sh.dir}/load.c`, LOAD_CLIENT);
      sh.must("cc -O2 -w load.c -o load");
      const server = sh.start(`rump_server -s -l rumpvfs ${RUMP_SERVER}`);
      assert(sh.until("[ -S sock ]"));
      sh.must("./load sock 20 1");
      const fds = () => readdirSync(`/proc/${server.pid}/fd`).length;
      await pause(300);
      const before = fds();
      const children: ChildProcess[] = [];
      const commands = [
        "./load sock 20 1000000",
        "rump.top -b -s 100 >/dev/null",
        "rump.dd if=/dev/zero of=/tmp/x bs=64k count=100000 2>/dev/null",
      ];
      for (const until = Date.now() + SECONDS * 1000; Date.now() < until; await pause(20)) {
        const command = commands[Math.floor(Math.random() * commands.length)]!;
        const env = { ...sh.env, RUMP_SERVER };
        children.push(spawn("sh", ["-c", `exec ${command}`], { cwd: sh.dir, env, stdio: "ignore" }));
        // The oldest, or any.
        if (children.length > 12) children.splice(Math.floor(Math.random() * children.length), 1)[0]!.kill("SIGKILL");
      }
      for (const child of children) child.kill("SIGKILL");
      for (let i = 0; i < 100 && fds() > before; i++) await pause(50);
      assertEquals(fds(), before);
      const left = sh.must(
        "rump.sysctl -n rump.sp.clients; rump.sysctl -n rump.sp.waiting; rump.sysctl -n kern.uidinfo.proccnt",
        { RUMP_SERVER },
      );
      assertEquals(left, "1\n0\n2\n");
      sh.must("rump.halt", { RUMP_SERVER });
      assertEquals(await server.ended, 0);
    }));
});
