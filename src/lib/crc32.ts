/** CRC-32 as GPT, gzip, xz and zip have it (ISO 3309: polynomial EDB88320 reflected, start and end complemented). */
import { reflectedCrc } from "./crc_reflected.ts";

const register = reflectedCrc(0xedb88320);

/** The checksum of `bytes`; `before`: that of what came before them. */
export const crc32 = (bytes: Uint8Array, before = 0): number => ~register(bytes, ~before) >>> 0;
