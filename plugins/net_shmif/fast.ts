/**
 * The fast bus: a file beside a bus for those who ask for it (`linkstr BUS?fast`), of the same kind but larger. Frames between
 * two members go over it, unfinished and up to 64 KiB, behind what is left to do (struct virtio_net_hdr); all others, and
 * those for groups, over the bus, where NetBSD's interfaces see them, too.
 */
import type { Offload, Offloads, Sys } from "../../src/plugin.ts";
import { HDR_GSO_TCPV4, HDR_GSO_TCPV6 } from "../../src/lib/offload.ts";
import { ShmifPacket, VnetHeader } from "../../src/wire/shmif.ts";
import { Bus, type Format } from "./bus.ts";
import { Members } from "./members.ts";
import type { Station } from "./reader.ts";

const FAST: Format = {
  magic: 0xfa57_d054,
  version: 1,
  size: (8 << 20) + 4096,
  data: 4096,
  /** The largest IP packet, its link's header and ours. */
  longest: 66 << 10,
  before: VnetHeader.size,
  batch: 4,
};
/** What is put off until somebody needs it. */
export const OFFLOADS: Offloads = { checksum: true, gso: [HDR_GSO_TCPV4, HDR_GSO_TCPV6] };
const AT = ShmifPacket.size;

/** See the head of this file. */
export class FastBus {
  readonly bus: Bus;
  readonly members: Members;
  readonly #sys: Sys;
  readonly #header = new Uint8Array(ShmifPacket.size + VnetHeader.size);
  readonly #headerView = new DataView(this.#header.buffer);
  /** What is told of a frame that came; lent. */
  readonly #record = { flags: 0, gsoType: 0, headerLength: 0, gsoSize: 0, checksumStart: 0, checksumOffset: 0 };
  readonly #views: DataView[];

  /** Throws errno, as Bus does. */
  constructor(sys: Sys, path: string, station: Station) {
    this.#sys = sys;
    this.bus = new Bus(sys, `${path}.fast`, station, FAST);
    this.members = new Members(this.bus.file);
    this.#views = this.bus.reader.frames.map((f) => new DataView(f.buffer));
    ShmifPacket.write(this.#headerView, 0, { senderLow: station.id[0], senderHigh: station.id[1] });
  }
  /** ENOBUFS: too many are on it, or somebody holds its lock. */
  join(mac: Uint8Array): void {
    if (!this.bus.lock.take()) throw this.#sys.errno.ENOBUFS;
    const joined = this.members.join(mac);
    this.bus.lock.give();
    if (!joined) throw this.#sys.errno.ENOBUFS;
  }
  /** ENOBUFS. */
  send(frame: Uint8Array, offload: Offload | undefined): void {
    const d = this.#headerView;
    ShmifPacket.set.length(d, 0, VnetHeader.size + frame.length);
    VnetHeader.set.flags(d, AT, offload?.flags ?? 0);
    VnetHeader.set.gsoType(d, AT, offload?.gsoType ?? 0);
    VnetHeader.set.headerLength(d, AT, offload?.headerLength ?? 0);
    VnetHeader.set.gsoSize(d, AT, offload?.gsoSize ?? 0);
    VnetHeader.set.checksumStart(d, AT, offload?.checksumStart ?? 0);
    VnetHeader.set.checksumOffset(d, AT, offload?.checksumOffset ?? 0);
    this.bus.put(this.#sys, this.#header, frame);
  }
  /** What is said of frame `i` of those that were taken. */
  offload(i: number): Offload {
    const { get } = VnetHeader;
    const [d, record] = [this.#views[i]!, this.#record];
    record.flags = get.flags(d, 0);
    record.gsoType = get.gsoType(d, 0);
    record.headerLength = get.headerLength(d, 0);
    record.gsoSize = get.gsoSize(d, 0);
    record.checksumStart = get.checksumStart(d, 0);
    record.checksumOffset = get.checksumOffset(d, 0);
    return record;
  }
  close(): void {
    this.members.leave();
    this.bus.file.close();
  }
}
