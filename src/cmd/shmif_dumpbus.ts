/** shmif_dumpbus: list the frames on a bus file of shmif(4), or write them to a pcap file (NetBSD: shmif_dumpbus(1)). */
import { classicPcap } from "../wire/pcapng.ts";
import { BUS_SIZE, SHMIF_VERSION } from "../wire/shmif.ts";
import { type BusFrame, busFrames, type BusHeader, busHeader, known } from "../wire/shmif_dump.ts";
import { Failure } from "./cli.ts";
import { program, type Tool } from "./tool.ts";

/** Longest frame with a tag; what NetBSD's writes. */
const SNAP_LENGTH = 1518;
/** pcap's number of the link. */
const ETHERNET = 1;
const hex = (n: number) => `0x${n.toString(16).padStart(4, "0")}`;

/** A whole bus; the file is read at once, as others go on writing. */
function load(t: Tool, path: string): { readonly file: Uint8Array; readonly header: BusHeader } {
  const file = new Uint8Array(BUS_SIZE);
  const opened = t.host.open(path, {});
  const length = opened.pread(file, 0);
  opened.close();
  if (length < BUS_SIZE) throw new Failure(`not a shmif bus: ${length} bytes`);
  const header = busHeader(file);
  if (!header) throw new Failure("not a shmif bus");
  if (!known(header.version)) throw new Failure(`bus of version ${header.version}, not ${SHMIF_VERSION}`);
  return { file, header };
}
const headerText = (h: BusHeader) =>
  `bus version ${h.version}, lock: ${h.lock}, generation: ${h.generation}, firstoff: ${hex(h.first)}, lastoff: ${
    hex(h.last)
  }\n`;
const frameText = ({ offset, frame, sec, usec }: BusFrame, i: number) =>
  `packet ${i}, offset ${hex(offset)}, length ${hex(frame.length)}, ts ${sec}/${String(usec).padStart(6, "0")}\n`;

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
  write(classicPcap.interface(ETHERNET, "", SNAP_LENGTH));
  const frames = busFrames(file, header);
  let n = 0;
  let next = frames.next();
  for (; !next.done; next = frames.next()) {
    const { sec, usec, frame } = next.value;
    say(frameText(next.value, n++));
    write(classicPcap.packet(0, { time: sec * 1e6 + usec, kept: frame, length: frame.length }));
  }
  if (!next.value) t.complain(`${path}: damaged behind packet ${n - 1}`);
}

export const { run, over } = program({
  usage: "[-h] [-p pcapfile] busfile",
  about: "List the frames on a bus file of shmif interfaces, oldest first.",
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
