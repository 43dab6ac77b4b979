/** NetBSD's own programs, from recordings of what they sent: our server asks for the same memory and answers the same. */
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Calls } from "../../src/kern/dispatch.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { Class, type SpFrame, spFrame, Type } from "../../src/proxy/sysproxy.ts";
import { assert, assertEquals } from "../assert.ts";
import { CClient } from "./c_client.ts";
import { served } from "./helpers.ts";

/** Number, argument slots, memory by address (hex; a number: so many zeros), places written with their lengths, error, result. */
type WireCall = readonly [
  nr: number,
  slots: readonly string[],
  memory: Readonly<Record<string, string | number>>,
  stored: readonly (readonly [address: string, length: number])[],
  error: number,
  result: number,
];
/** Programs of NetBSD 7.99.34 with its own rump kernel, as recorded; network calls are left out. */
const sessions = JSON.parse(
  readFileSync(fileURLToPath(new URL("../cases/wire_sessions.json", import.meta.url).href), "utf8"),
) as [command: string, calls: WireCall[]][];

const SYSCTL = 202;
const WRITE = 4;
const ENOMEM = 12;
const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (x) => parseInt(x, 16));

/** Places as ranges of bytes, neighbours put together: in how many pieces they are stored is the server's business. */
function ranges(places: readonly (readonly [string, number])[]): string[] {
  const sorted = places.map(([at, n]) => [Number(at), n] as [number, number]).sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [at, n] of sorted) {
    const last = merged.at(-1);
    if (last && last[0] + last[1] === at) last[1] += n;
    else merged.push([at, n]);
  }
  return merged.map(([at, n]) => `${at.toString(16)}+${n}`);
}
/** sysctl's nodes are those of the kernel that is asked: how many there are, and whether they fit, is its own. */
const isList = ([nr, slots, memory]: WireCall) => nr === SYSCTL && /feffffff$/.test(String(memory[slots[0]!]));

class Replay {
  readonly c: CClient;
  #memory: WireCall[2] = {};
  #writes = false;
  /** What the server stored, and addresses it asked for that the recording has no word of. */
  stored: [string, number][] = [];
  strange: string[] = [];

  constructor(c: CClient) {
    this.c = c;
    c.answer = (frame) => this.#answer(frame);
  }
  #answer(frame: SpFrame): boolean {
    const d = viewOf(frame.body);
    const [length, address] = [Number(d.getBigUint64(0, true)), `0x${d.getBigUint64(8, true).toString(16)}`];
    if (frame.type === Type.COPYOUT) {
      this.stored.push([address, length]);
      return true;
    }
    const known = this.#memory[address];
    // NetBSD's /dev/null does not even look at what is written.
    if (known === undefined && !this.#writes) this.strange.push(address);
    const bytes = typeof known === "string" ? hex(known) : new Uint8Array(length);
    const body = frame.type === Type.COPYINSTR ? bytes : bytes.subarray(0, length);
    this.c.send(spFrame(Class.RESP, Type.COPYIN, frame.reqno, 0, body));
    return true;
  }
  async call([nr, slots, memory]: WireCall) {
    this.#memory = memory;
    this.#writes = nr === WRITE;
    this.stored = [];
    this.strange = [];
    return await this.c.syscall(nr, ...slots.map(BigInt));
  }
}

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
