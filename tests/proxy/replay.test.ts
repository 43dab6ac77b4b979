/** NetBSD's own programs, from recordings of what they sent: our server asks for the same memory and answers the same. */
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Calls } from "../../src/kern/dispatch.ts";
import { assert, assertEquals } from "../assert.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";
import { isList, ranges, Replay, type WireCall } from "./replay.ts";

/** Programs of NetBSD 7.99.34 with its own rump kernel, as recorded; network calls are left out. */
const sessions = JSON.parse(
  readFileSync(fileURLToPath(new URL("../cases/wire_sessions.json", import.meta.url).href), "utf8"),
) as [command: string, calls: WireCall[]][];

const ENOMEM = 12;

const tmpfs = (sys: Calls) =>
  sys.mount({ type: "tmpfs", path: "/tdir", flags: 0, data: new TextEncoder().encode("{}") });

describe("sysproxy: recorded sessions", () => {
  for (const [command, calls] of sessions) {
    it(command, async () => {
      const { dial, kernel } = await served();
      kernel.tree.find("kern.hostname")!.write!("rump-12780.vm"); // as long as the recorded one
      const root = kernel.calls(kernel.fork("setup"));
      if (command !== "rump.mkdir /tdir") root.mkdir({ path: "/tdir", mode: 0o755 });
      if (command.includes("if=/tdir/f")) {
        const fd = root.open({ path: "/tdir/f", flags: 0x202, mode: 0o644 }) as number;
        await root.write({ fd, buf: new Uint8Array(65536) });
      }
      if (command === "rump.df") await tmpfs(root);
      const c = new CClient(dial());
      await c.guest(command.split(" ")[0]);
      const replay = new Replay(c);
      for (const [i, call] of calls.entries()) {
        const [nr, slots, , stored, error, result] = call;
        const got = await replay.call(call);
        const what = `${command}: call ${i}, ${nr}(${slots.join(", ")})`;
        assertEquals(replay.strange, [], what);
        if (isList(call)) {
          assert(got.error === 0 || got.error === ENOMEM, what);
          continue;
        }
        assertEquals([got.error, got.ret, ranges(replay.stored)], [error, result, ranges(stored)], what);
      }
    });
  }
});
