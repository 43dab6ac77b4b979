/** IGMP messages (RFC 3376, 4; versions 1 and 2: RFC 1112, 2236). */
import { struct, u16, u32, u8 } from "../lib/struct.ts";

/** A query of any version, and reports and leaves of versions 1 and 2. */
export const Igmp = struct("be", { type: u8, maxResponse: u8, checksum: u16, group: u32 }, 8);
/** What a query of version 3 has more, and then its sources. */
export const IgmpQuery3 = struct("be", { flags: u8, interval: u8, sources: u16 }, 4);
/** A report of version 3, and each of its records. */
export const IgmpReport3 = struct("be", { type: u8, reserved: u8, checksum: u16, reserved2: u16, records: u16 }, 8);
export const IgmpRecord = struct("be", { type: u8, auxiliary: u8, sources: u16, group: u32 }, 8);

export const IGMP_QUERY = 0x11;
export const IGMP_V1_REPORT = 0x12;
export const IGMP_V2_REPORT = 0x16;
export const IGMP_V2_LEAVE = 0x17;
export const IGMP_V3_REPORT = 0x22;
/** Types of records: what holds now, and what has changed. */
export const MODE_IS_EXCLUDE = 2;
export const CHANGE_TO_INCLUDE = 3;
export const CHANGE_TO_EXCLUDE = 4;
/** 224.0.0.2 and 224.0.0.22: all routers, and those that speak version 3. */
export const ALL_ROUTERS = 0xe000_0002;
export const ALL_IGMP3_ROUTERS = 0xe000_0016;
