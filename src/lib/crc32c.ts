/** CRC-32C (Castagnoli, RFC 3720: polynomial 82F63B78 reflected), as ext4, jbd2 and iSCSI use it. */
import { reflectedCrc } from "./crc_reflected.ts";

/** The register: formats begin with 0xffffffff, or with a seed, and complement the result or not. */
export const crc32c = reflectedCrc(0x82f63b78);
