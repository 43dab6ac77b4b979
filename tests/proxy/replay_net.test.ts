/** NetBSD's own network programs, from recordings of what they sent: our server asks for the same memory and answers the same. */
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "../assert.ts";
import { ifreq, inetSocket } from "../net/control.ts";
import { SIOC } from "../../src/abi/sockio.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";
import { isList, ranges, Replay, type WireCall } from "./replay.ts";

/** ifconfig, route and ping of NetBSD 7.99.34; what the recordings cut is 0, but for route's addresses. */
const sessions = JSON.parse(
  readFileSync(fileURLToPath(new URL("../cases/wire_net_sessions.json", import.meta.url).href), "utf8"),
) as [command: string, calls: WireCall[]][];

const GETPID = 20;

describe("sysproxy: recorded sessions of network programs", () => {
  for (const [command, calls] of sessions) {
    it(command, async () => {
      const { dial, kernel } = await served({}, false, ["rumpvfs", "rumpnet_netinet6", "rumpnet_shmif"]);
      kernel.tree.find("kern.hostname")!.write!("rump-12780.vm"); // as long as the recorded one
      const root = kernel.calls(kernel.fork("setup"));
      if (/inet 10|route/.test(command)) {
        await root.ioctl({ fd: inetSocket(root), com: SIOC.SIOCIFCREATE, data: ifreq("shmif0") });
      }
      const c = new CClient(dial());
      await c.guest(command.split(" ")[0]);
      const replay = new Replay(c);
      for (const [i, call] of calls.entries()) {
        const [nr, slots, , stored, error, result] = call;
        const got = await replay.call(call);
        const what = `${command}: call ${i}, ${nr}(${slots.join(", ")})`;
        if (isList(call)) continue;
        // The process is another one's, and what a call that failed returned is nobody's business.
        const own = nr === GETPID || error !== 0;
        const [is, was] = [own || got.ret, own || result];
        assertEquals([got.error, is, ranges(replay.stored)], [error, was, ranges(stored)], what);
        assertEquals(replay.strange, [], what);
      }
      assert(calls.length > 2);
    });
  }
});
