/** Two processes on a bus, each with a kernel in the loop of servers. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { assert } from "../assert.ts";
import { inDirectory } from "./bus.ts";

const peer = fileURLToPath(new URL("../bench/shmif_peer.ts", import.meta.url).href);
const options = "Deno" in globalThis ? ["run", "-A", "--no-check", "--no-lock"] : [];
const start = (...args: string[]) =>
  spawn(process.execPath, [...options, peer, ...args], { stdio: ["ignore", "pipe", "inherit"] });
const outputOf = (child: ChildProcess) =>
  new Promise<string>((resolve) => {
    let text = "";
    child.stdout!.on("data", (d) => (text += d));
    child.on("close", () => resolve(text));
  });
const ready = (child: ChildProcess) => new Promise((resolve) => child.stdout!.once("data", resolve));

describe("shmif between processes", () => {
  for (const kind of ["", "?v3"]) {
    it(`16 MiB of TCP and 100 round trips, linkstr BUS${kind}`, () =>
      inDirectory(async (dir) => {
        const sink = start("sink", `${dir}/bus${kind}`);
        await ready(sink);
        const output = await outputOf(start("source", `${dir}/bus${kind}`, "16", "100"));
        const gone = outputOf(sink);
        sink.kill("SIGKILL");
        await gone;
        assert(/^bulk [\d.]+\ntrip [\d.]+\n$/.test(output));
      }));
  }
  it("a process that is killed while frames come and go does not stop the others", () =>
    inDirectory(async (dir) => {
      const [first, second] = [start("sink", `${dir}/bus`), start("source", `${dir}/bus`, "100000", "1")];
      await ready(first);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const gone = [first, second].map(outputOf);
      second.kill("SIGKILL");
      await gone[1];
      const output = await outputOf(start("source", `${dir}/bus`, "1", "10"));
      first.kill("SIGKILL");
      await gone[0];
      assert(/^bulk [\d.]+\ntrip [\d.]+\n$/.test(output));
    }));
});
