/**
 * The fast bus: a file beside a bus, of the same kind but larger, for those who know of it. Frames between two members go over
 * it, unfinished and up to 64 KiB, behind what is left to do (struct virtio_net_hdr); all others, and those for groups, over
 * the bus, where NetBSD's interfaces see them, too. While one of those is heard on the bus, all do.
 */
import type { Offload, Offloads, Sys } from "../../src/plugin.ts";
import { HDR_GSO_TCPV4, HDR_GSO_TCPV6 } from "../../src/lib/offload.ts";
import { FAST_DATA, FAST_MAGIC, FAST_SIZE, FAST_VERSION, ShmifPacket, VnetHeader } from "../../src/wire/shmif.ts";
import { Bus, type Format, stamp } from "./bus.ts";
import { Members } from "./members.ts";
import type { Station } from "./reader.ts";

const FAST: Format = {
  magic: FAST_MAGIC,
  version: FAST_VERSION,
  size: FAST_SIZE,
  data: FAST_DATA,
  early: false,
  /** The largest IP packet, its link's header and ours. */
  longest: 66 << 10,
  before: VnetHeader.size,
  batch: 8,
  margin: 256 << 10,
};
/** What is put off until somebody needs it. */
export const OFFLOADS: Offloads = { checksum: true, gso: [HDR_GSO_TCPV4, HDR_GSO_TCPV6] };
const AT = ShmifPacket.size;

/** See the head of this file. */
export class FastBus {
  readonly bus: Bus;
  readonly members: Members;
  readonly #sys: Sys;
  readonly #station: Station;
  readonly #header = new Uint8Array(ShmifPacket.size + VnetHeader.size);
  readonly #headerView = new DataView(this.#header.buffer);
  /** What is told of a frame that came; lent. */
  readonly #record = { flags: 0, gsoType: 0, headerLength: 0, gsoSize: 0, checksumStart: 0, checksumOffset: 0 };
  readonly #views: DataView[];

  /** Throws errno, as Bus does; ENOBUFS: too many are on it, or somebody holds its lock. */
  constructor(sys: Sys, path: string, station: Station) {
    this.#sys = sys;
    this.#station = station;
    this.bus = new Bus(sys, `${path}.fast`, station, FAST);
    this.members = new Members(this.bus.file);
    this.#views = this.bus.reader.frames.map((f) => new DataView(f.buffer));
    ShmifPacket.write(this.#headerView, 0, { senderLow: station.id[0], senderHigh: station.id[1] });
    try {
      this.join();
    } catch (e) {
      this.bus.file.close();
      throw e;
    }
  }
  /** By the station's link address. ENOBUFS: too many are on it, or somebody holds its lock. */
  join(): void {
    if (!this.bus.lock.take()) throw this.#sys.errno.ENOBUFS;
    this.members.leave(this.#station.id);
    const joined = this.members.join(this.#station);
    this.bus.lock.give();
    if (!joined) throw this.#sys.errno.ENOBUFS;
    this.members.listen(this.#station.promiscuous);
  }
  /** Which member a frame goes to that begins at `at`; below 0: it goes over the bus. */
  to(frame: Uint8Array, at: number): number {
    if ((frame[at]! & 1) !== 0) return -1;
    const member = this.members.find(frame, at);
    return member >= 0 && this.members.strangers(this.#sys.now()) ? -1 : member;
  }
  /** ENOBUFS. */
  send(member: number, frame: Uint8Array, offload: Offload | undefined): void {
    const d = this.#headerView;
    stamp(d, VnetHeader.size + frame.length, this.#sys.now());
    VnetHeader.set.flags(d, AT, offload?.flags ?? 0);
    VnetHeader.set.gsoType(d, AT, offload?.gsoType ?? 0);
    VnetHeader.set.headerLength(d, AT, offload?.headerLength ?? 0);
    VnetHeader.set.gsoSize(d, AT, offload?.gsoSize ?? 0);
    VnetHeader.set.checksumStart(d, AT, offload?.checksumStart ?? 0);
    VnetHeader.set.checksumOffset(d, AT, offload?.checksumOffset ?? 0);
    this.bus.put(this.#sys, this.#header, frame);
    this.members.tell(member);
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
    this.members.leave(this.#station.id);
    this.bus.file.close();
  }
}
