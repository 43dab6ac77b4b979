/** shmif_dumpbus: list the frames on a bus file of shmif(4), or write them to a pcap file (NetBSD: shmif_dumpbus(1)). */
import { classicPcap } from "../../wire/pcapng.ts";
import { BUS_SIZE, FAST_SIZE, SHMIF_VERSION } from "../../wire/shmif.ts";
import {
  type BusFrame,
  busFrames,
  type BusHeader,
  busHeader,
  fastFrames,
  isFast,
  known,
} from "../../wire/shmif_dump.ts";
import { Failure } from "../cli.ts";
import { program, type Tool } from "../tool.ts";

/** Longest frame: with a tag, as NetBSD's writes; on our own fast bus. */
const SNAP_LENGTH = 1518;
const FAST_SNAP_LENGTH = 66 << 10;
/** pcap's number of the link. */
const ETHERNET = 1;
const hex = (n: number) => `0x${n.toString(16).padStart(4, "0")}`;

/** The beginning of a file, read at once, as others go on writing. */
function read(t: Tool, path: string, size: number): Uint8Array {
  const file = new Uint8Array(size);
  const opened = t.host.open(path, {});
  const length = opened.pread(file, 0);
  opened.close();
  return file.subarray(0, length);
}
/** A whole bus. */
function load(t: Tool, path: string): { readonly file: Uint8Array; readonly header: BusHeader } {
  const file = read(t, path, BUS_SIZE);
  if (file.length < BUS_SIZE) throw new Failure(`not a shmif bus: ${file.length} bytes`);
  const header = busHeader(file);
  if (!header) throw new Failure("not a shmif bus");
  if (!known(header.version)) throw new Failure(`bus of version ${header.version}, not ${SHMIF_VERSION}`);
  return { file, header };
}
/** The fast bus beside it, if there is one. */
function loadFast(t: Tool, path: string): Uint8Array | undefined {
  try {
    const file = read(t, `${path}.fast`, FAST_SIZE);
    return isFast(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
const headerText = (h: BusHeader) =>
  `bus version ${h.version}, lock: ${h.lock}, generation: ${h.generation}, firstoff: ${hex(h.first)}, lastoff: ${
    hex(h.last)
  }\n`;
const frameText = ({ offset, frame, sec, usec }: BusFrame, i: number, fast: boolean) =>
  `packet ${i}, offset ${hex(offset)}, length ${hex(frame.length)}, ts ${sec}/${String(usec).padStart(6, "0")}${
    fast ? ", fast" : ""
  }\n`;

/** Frames of both, in the order in which they were sent. */
function* inOrder(bus: Frames, fast: Frames): Generator<readonly [BusFrame, fast: boolean]> {
  let [a, b] = [bus.next(), fast.next()];
  while (!a.done || !b.done) {
    if (b.done || (!a.done && micros(a.value) <= micros(b.value))) {
      yield [a.value as BusFrame, false];
      a = bus.next();
    } else {
      yield [b.value, true];
      b = fast.next();
    }
  }
}
type Frames = Generator<BusFrame, void>;
const micros = ({ sec, usec }: BusFrame) => sec * 1e6 + usec;
/** The same; damage is told. */
function* sound(t: Tool, path: string, frames: Generator<BusFrame, boolean>): Frames {
  let n = 0;
  let next = frames.next();
  for (; !next.done; next = frames.next(), n++) yield next.value;
  if (!next.value) t.complain(`${path}: damaged behind packet ${n - 1}`);
}
/** Where the capture goes, if anywhere; `write` takes pieces of it. */
function capture(t: Tool, path: string | undefined): (bytes: Uint8Array) => void {
  if (path === undefined) return () => {};
  if (path === "-") return (bytes) => t.out(bytes);
  const file = t.host.open(path, { write: true, create: true, truncate: true });
  return (bytes) => void file.pwrite(bytes, file.size);
}
function dump(t: Tool, path: string): void {
  const { file, header } = load(t, path);
  const pcap = t.value("p");
  const say = pcap === "-" ? (text: string) => t.host.err(text) : (text: string) => t.out(text);
  say(headerText(header));
  if (t.has("h")) return;
  const write = capture(t, pcap);
  const other = loadFast(t, path);
  write(classicPcap.interface(ETHERNET, "", other ? FAST_SNAP_LENGTH : SNAP_LENGTH));
  const none = (function* () {})();
  const frames = sound(t, path, busFrames(file, header));
  let n = 0;
  for (const [f, fast] of inOrder(frames, other ? sound(t, `${path}.fast`, fastFrames(other)) : none)) {
    say(frameText(f, n++, fast));
    write(classicPcap.packet(0, { time: micros(f), kept: f.frame, length: f.frame.length }));
  }
}

export const { run, over } = program({
  usage: "[-h] [-p pcapfile] busfile",
  about: "List the frames on a bus file of shmif interfaces and on the fast bus beside it, oldest first.",
  letters: "hp:",
  help: {
    h: "its header only",
    p: "write the frames to this file, for tcpdump -r and Wireshark; `-`: to standard output, and the list to standard error",
  },
  examples: ["bus", "-p - bus | tcpdump -n -r -"],
}, (t) => {
  const [path, ...more] = t.rest;
  if (path === undefined || more.length > 0) t.usage();
  t.attempt(path!, () => dump(t, path!));
});
