/// <reference types="deno" />
/** The host under Deno, as a script or compiled. */
import process from "node:process";
import { makeHost } from "./node.ts";

const compiled = Deno.build.standalone;

// 5 us, against 2 ms of a timer: enough for what the runtime has already heard of.
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
// Only a parked loop polls tokio's sockets and signals: setImmediate would not do.
const ioTurn = () => new Promise<void>((resolve) => void setTimeout(resolve, 0));

export const host = makeHost({
  runtime: "deno",
  argv: [compiled ? process.argv0 : "rump", ...Deno.args],
  self: {
    path: Deno.execPath(),
    args: compiled ? [] : ["run", "-A", "--no-check", "--no-lock", process.argv[1] ?? ""],
  },
  turn,
  ioTurn,
  now: () => performance.now(),
  warm: () => {},
  collect: () => {}, // V8 does so itself when it is idle
});
