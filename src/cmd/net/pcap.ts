/** rump.pcap: capture packets of a rump kernel's interfaces into a file for Wireshark and its kin, by bpf(4). */
import { BIOC, BpfHdr, BpfStat, DLT, programRequest } from "../../abi/bpf.ts";
import { errno, SysError } from "../../abi/errno.ts";
import { O_RDWR } from "../../abi/flags.ts";
import { Ifreq } from "../../abi/net_structs.ts";
import { Timespec } from "../../abi/structs.ts";
import { viewOf } from "../../lib/struct.ts";
import type { AsyncClient } from "../../proxy/client.ts";
import { version } from "../../version.ts";
import { compileFilter, FilterError } from "../../wire/pcap_filter.ts";
import { type Captured, type CaptureFormat, classicPcap, pcapng } from "../../wire/pcapng.ts";
import { Failure, type Grammar, isExpected } from "../cli.ts";
import { attached } from "../client.ts";
import { words } from "../files.ts";
import type { Run } from "../mod.ts";
import { Tool } from "../tool.ts";

const grammar: Grammar = {
  usage: "-i interface [-i interface ...] [-pq] [-c count] [-d in|out|inout] [-s bytes] [-w file] [filter]",
  about: "Capture packets of interfaces of the rump kernel RUMP_SERVER names, until interrupted.\n" +
    "The file is pcapng; a name that ends in .pcap makes it the older pcap. It can be read while it grows.\n\n" +
    "A filter is made of: host, net, port, portrange with src or dst before them; ip, ip6, arp, icmp, icmp6, igmp, tcp,\n" +
    "udp; tcp or udp before port; ether host, ether proto; less, greater; and, or, not, brackets (a part of\n" +
    "pcap-filter(7)). The server needs the component rumpdev_bpf.",
  letters: "c:d:i:pqs:w:",
  help: {
    i: "an interface; several with pcapng only",
    w: "where to; - or left out: standard output, for another program",
    c: "end after so many packets",
    s: "bytes to keep of each (262144)",
    d: "only packets that come in, or go out (inout)",
    p: "do not ask the device for packets to others",
    q: "do not say at the end how many there were",
  },
  examples: ["-i shmif0 -w net.pcapng", "-i shmif0 -c 10 tcp port 80 | tshark -r -"],
};
const SNAP = 262_144;
const BUFFER = 1 << 20;
/** Milliseconds a packet waits at most until it is in the file. */
const PATIENCE = 100;
/** How libpcap numbers what frames begin with: LINKTYPE_* by DLT_*. */
const LINKTYPES: Readonly<Record<number, number>> = { [DLT.NULL]: 0, [DLT.EN10MB]: 1, [DLT.RAW]: 101 };
const directions = ["in", "inout", "out"];

interface Settings {
  readonly names: readonly string[];
  readonly count: number;
  readonly snap: number;
  readonly direction: number;
  readonly promiscuous: boolean;
  readonly filter: string;
}
function numberOf(t: Tool, letter: string, otherwise: number): number {
  const text = t.value(letter);
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Failure(`${t.name}: -${letter} ${text}: not a number that makes sense`);
  return Number(text);
}
function settingsOf(t: Tool): Settings {
  const names = t.all("i");
  const direction = directions.indexOf(t.value("d") ?? "inout");
  if (names.length === 0) t.usage();
  if (direction < 0) throw new Failure(`${t.name}: -d ${t.value("d")}: neither in, out nor inout`);
  return {
    names,
    count: numberOf(t, "c", Infinity),
    snap: numberOf(t, "s", SNAP),
    direction,
    promiscuous: !t.has("p"),
    filter: t.rest.join(" "),
  };
}

/** Where the capture goes: a file, or standard output. */
class Sink {
  readonly format: CaptureFormat;
  readonly #write: (bytes: Uint8Array) => void;

  constructor(t: Tool, interfaces: number) {
    const name = t.value("w") ?? "-";
    this.format = name.endsWith(".pcap") ? classicPcap : pcapng(`rump.pcap ${version}`);
    if (this.format === classicPcap && interfaces > 1) throw new Failure(`${t.name}: ${name}: pcap has one interface`);
    if (name === "-" && t.host.isTerminal(1)) {
      throw new Failure(`${t.name}: standard output is a terminal: -w file, or | tshark -r -`);
    }
    this.#write = name === "-" ? (bytes) => t.host.out(bytes) : fileWriter(t, name);
  }
  write(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) if (piece.length > 0) this.#write(piece);
  }
}
/** A failure of the host is said with the file's name. */
function fileWriter(t: Tool, name: string): (bytes: Uint8Array) => void {
  const saying = <T>(work: () => T): T => {
    try {
      return work();
    } catch (e) {
      if (!isExpected(e)) throw e;
      throw new Failure(`${t.name}: ${name}: ${words(e)}`);
    }
  };
  const file = saying(() => t.host.open(name, { write: true, create: true, truncate: true }));
  let at = 0;
  return (bytes) => {
    for (let done = 0; done < bytes.length;) done += saying(() => file.pwrite(bytes.subarray(done), at + done));
    at += bytes.length;
  };
}

/** Packets in a buffer of bpf(4). What does not fit together ends them: the server is not to be trusted. */
export function* packetsIn(buffer: Uint8Array): Generator<Captured> {
  const d = viewOf(buffer);
  for (let at = 0; at + BpfHdr.size <= buffer.length;) {
    const { sec, usec, caplen, datalen, hdrlen } = BpfHdr.dump(d, at);
    const end = at + hdrlen + caplen;
    if (hdrlen < BpfHdr.size || end > buffer.length) return;
    yield { time: sec * 1e6 + usec, kept: buffer.subarray(at + hdrlen, end), length: datalen };
    at = (end + 7) & ~7;
  }
}

/** One interface that is listened to. */
class Source {
  readonly name: string;
  dlt = 0;
  size = BUFFER;
  readonly #sys: AsyncClient["sys"];
  #fd = -1;

  constructor(sys: AsyncClient["sys"], name: string) {
    this.#sys = sys;
    this.name = name;
  }
  #control(com: number, data: Uint8Array): Promise<number> {
    return this.#sys.ioctl({ fd: this.#fd, com, data });
  }
  async #number(com: number, n = 0): Promise<number> {
    const data = new Uint8Array(4);
    viewOf(data).setUint32(0, n, true);
    await this.#control(com, data);
    return viewOf(data).getUint32(0, true);
  }
  async open({ snap, direction, promiscuous, filter }: Settings): Promise<void> {
    this.#fd = await this.#sys.open({ path: "/dev/bpf", flags: O_RDWR, mode: 0 });
    this.size = await this.#number(BIOC.BIOCSBLEN, BUFFER);
    const wait = new Uint8Array(Timespec.size);
    Timespec.write(viewOf(wait), 0, { sec: 0, nsec: PATIENCE * 1000 });
    await this.#control(BIOC.BIOCSRTIMEOUT, wait);
    await this.#number(BIOC.BIOCSSEESENT, direction);
    const request = new Uint8Array(Ifreq.size);
    Ifreq.set.name(viewOf(request), 0, this.name);
    await this.#control(BIOC.BIOCSETIF, request);
    this.dlt = await this.#number(BIOC.BIOCGDLT);
    if (promiscuous) await this.#sys.ioctl({ fd: this.#fd, com: BIOC.BIOCPROMISC });
    await this.#control(BIOC.BIOCSETF, programRequest(compileFilter(filter, this.dlt, snap)));
  }
  /** What there is now, or comes within PATIENCE. */
  async read(buf: Uint8Array): Promise<Uint8Array> {
    return buf.subarray(0, await this.#sys.read({ fd: this.#fd, buf }));
  }
  async counts(): Promise<{ readonly received: number; readonly dropped: number }> {
    const data = new Uint8Array(BpfStat.size);
    await this.#control(BIOC.BIOCGSTATS, data);
    return BpfStat.dump(viewOf(data), 0);
  }
}

class Capture {
  readonly #sink: Sink;
  readonly #sources: readonly Source[];
  #left: number;
  stopping = false;
  written = 0;

  constructor(sink: Sink, sources: readonly Source[], count: number) {
    this.#sink = sink;
    this.#sources = sources;
    this.#left = count;
  }
  async run(snap: number): Promise<void> {
    const { format } = this.#sink;
    this.#sink.write([format.begin()]);
    this.#sink.write(this.#sources.map((s) => format.interface(LINKTYPES[s.dlt] ?? s.dlt, s.name, snap)));
    await Promise.all(this.#sources.map((source, i) => this.#follow(source, i)));
  }
  async #follow(source: Source, i: number): Promise<void> {
    const buf = new Uint8Array(source.size);
    // What was under way when it was stopped is read, too.
    for (let last = false; !last;) {
      last = this.stopping;
      this.#keep(i, await source.read(buf));
    }
  }
  #keep(i: number, buffer: Uint8Array): void {
    const pieces: Uint8Array[] = [];
    for (const packet of packetsIn(buffer)) {
      if (this.#left <= 0) break;
      pieces.push(this.#sink.format.packet(i, packet));
      this.written++;
      if (--this.#left === 0) this.stopping = true;
    }
    this.#sink.write(pieces);
  }
  /** Write, and tell, how many there were in all. */
  async end(time: number): Promise<string> {
    const { format } = this.#sink;
    let [received, dropped] = [0, 0];
    for (const [i, source] of this.#sources.entries()) {
      const counts = await source.counts();
      this.#sink.write([format.end(i, time, counts)]);
      received += counts.received;
      dropped += counts.dropped;
    }
    return `${this.written} packets captured, ${received} seen, ${dropped} dropped for want of room`;
  }
}

/** A failure with the interface it is about. */
function said(t: Tool, what: string, e: unknown): never {
  if (e instanceof FilterError) throw new Failure(`${t.name}: ${e.message}`);
  if (e === errno.ENOENT && what !== "-") throw new Failure(`${t.name}: /dev/bpf: the server has no rumpdev_bpf`);
  if (e instanceof SysError) throw new Failure(`${t.name}: ${what}: ${e.message}`);
  throw e;
}
async function capture(t: Tool, client: AsyncClient): Promise<number> {
  const settings = settingsOf(t);
  const sources = settings.names.map((name) => new Source(client.sys, name));
  for (const source of sources) await source.open(settings).catch((e) => said(t, source.name, e));
  const run = new Capture(new Sink(t, sources.length), sources, settings.count);
  for (const signal of ["SIGINT", "SIGTERM"]) t.host.onSignal(signal, () => void (run.stopping = true));
  try {
    await run.run(settings.snap);
  } catch (e) {
    if (e === errno.ECONNRESET) throw new Failure(`${t.name}: the server is gone`);
    if (!(e instanceof SysError)) throw e;
    throw new Failure(`${t.name}: ${e.message}`);
  }
  const line = await run.end(t.host.wall() * 1000);
  if (!t.has("q")) t.host.err(`${line}\n`);
  return 0;
}

export const run: Run = async (host, argv) => {
  const t = new Tool(host, argv, grammar, () => {
    throw new Error("blocking calls are not used");
  });
  settingsOf(t);
  const client = await attached(host, argv[0]!);
  try {
    return await capture(t, client);
  } finally {
    client.close();
  }
};
