/** Frames that are not finished: what a sender left to be done, what a receiver need not do (virtio 1.2, 5.1.6: struct virtio_net_hdr). */

/** About one frame; offsets from its first byte. One object is used for many frames: it is lent, as they are. */
export interface Offload {
  /** HDR_F_* */
  flags: number;
  /** HDR_GSO_*: how it is to be cut, or what it was put together from. */
  gsoType: number;
  /** Bytes of all headers, and of data in each segment it is cut into. */
  headerLength: number;
  gsoSize: number;
  /** With HDR_F_NEEDS_CSUM: what is summed begins here; how far behind the sum belongs, where the pseudo header's stands now. */
  checksumStart: number;
  checksumOffset: number;
}
/** The checksum is to be completed; it was, and found right. */
export const HDR_F_NEEDS_CSUM = 1;
export const HDR_F_DATA_VALID = 2;
export const HDR_GSO_NONE = 0;
export const HDR_GSO_TCPV4 = 1;
export const HDR_GSO_TCPV6 = 4;
/** UDP datagrams of one size. */
export const HDR_GSO_UDP_L4 = 5;
/** Beside the others: CWR is in it. */
export const HDR_GSO_ECN = 0x80;

/** What a device does with frames that are not finished. */
export interface Offloads {
  /** Checksums of TCP and UDP. */
  readonly checksum: boolean;
  /** Cutting, with checksums: the HDR_GSO_* it knows. */
  readonly gso: readonly number[];
}
