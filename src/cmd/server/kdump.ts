/** rump.kdump: show a trace of system calls (kdump(1)). */
import type { Host, HostFile } from "../../host/host.ts";
import { Failure } from "../cli.ts";
import { program, type Tool } from "../tool.ts";
import { type TraceStyle, TraceText } from "./trace_text.ts";

/** Bytes of data shown where nothing else is said. */
export const DATA = 32;
const PIECE = 256 << 10;
/** Milliseconds between two looks for more (-l). */
const LOOK_MS = 200;

/** What the options say of the lines' style; shared with rump.ktrace. */
export function styleOf(t: Tool): TraceStyle {
  const number = (letter: string): number | undefined => {
    const text = t.value(letter);
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new Failure(`${t.name}: -${letter} ${text}: not a number`);
    return Number(text);
  };
  const times = { T: "absolute", R: "relative", E: "elapsed" } as const;
  const time = t.last("T", "R", "E") as keyof typeof times | undefined;
  return { data: number("m") ?? DATA, time: time ? times[time] : "none", pid: number("p") };
}

/** Read to the end, or for ever. Never comes back with `follow`. */
function read(host: Host, file: HostFile, text: TraceText, follow: boolean): void {
  const into = new Uint8Array(PIECE);
  for (let at = 0; !text.broken;) {
    const n = file.pread(into, at);
    text.push(into.subarray(0, n));
    at += n;
    if (n > 0) continue;
    if (!follow) return;
    host.sleep(LOOK_MS);
  }
}

export const { run, over } = program({
  usage: "[-ElRT] [-f file] [-m maxdata] [-p pid]",
  about: "Show a trace that rump.ktrace made: a line for every system call, with its arguments and how long it took.",
  letters: "Ef:lm:p:RT",
  help: {
    E: "seconds since the first line before each",
    R: "seconds since the line before",
    T: "seconds since 1970",
    f: "the trace (ktrace.out)",
    l: "go on as the file grows",
    m: `bytes of data shown (${DATA})`,
    p: "of this process only",
  },
}, (t) => {
  if (t.rest.length > 0) t.usage();
  const name = t.value("f") ?? "ktrace.out";
  t.attempt(name, () => {
    const file = t.host.open(name, {});
    const text = new TraceText(styleOf(t), (line) => t.out(`${line}\n`));
    read(t.host, file, text, t.has("l"));
    file.close();
    if (text.broken) t.complain(`${name}: not a trace`);
    else if (text.left > 0) t.complain(`${name}: the last record is cut`);
  });
});
