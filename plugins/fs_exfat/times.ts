/** exFAT's times (7.4.8-7.4.10): a DOS time to two seconds, hundredths over it, quarters of an hour from UTC. */

/** Seconds and nanoseconds since 1970. Without an offset of its own a time is `east` seconds east of UTC. */
export function fromStamp(stamp: number, hundredths: number, zone: number, east: number): readonly [number, number] {
  const [date, clock] = [stamp >>> 16, stamp & 0xffff];
  const [month, day] = [Math.max(1, date >> 5 & 15), Math.max(1, date & 31)];
  const there = Date.UTC(1980 + (date >> 9), month - 1, day, clock >> 11, clock >> 5 & 63, (clock & 31) * 2) / 1000;
  const over = hundredths < 200 ? hundredths : 0;
  const offset = zone & 0x80 ? (zone << 25 >> 25) * 900 : east;
  return [there + Math.floor(over / 100) - offset, over % 100 * 10_000_000];
}
export interface Stamp {
  readonly stamp: number;
  readonly hundredths: number;
}
/** The offset's byte of a time in UTC, which is how they are written. */
export const UTC = 0x80;
/** 1980-01-01 and 2107-12-31T23:59:58. */
const [FIRST, LAST] = [315_532_800, 4_354_819_198];

let lastSecond = NaN;
let lastStamp = 0;
/** In UTC; clamped to what can be said. */
export function toStamp(sec: number, nsec: number): Stamp {
  if (!(sec >= FIRST)) return { stamp: 1 << 21 | 1 << 16, hundredths: 0 };
  const within = Math.min(sec, LAST + 1);
  if (within !== lastSecond) {
    const t = new Date(within * 1000);
    const date = (t.getUTCFullYear() - 1980) << 9 | (t.getUTCMonth() + 1) << 5 | t.getUTCDate();
    const clock = t.getUTCHours() << 11 | t.getUTCMinutes() << 5 | t.getUTCSeconds() >> 1;
    lastStamp = (date << 16 | clock) >>> 0;
    lastSecond = within;
  }
  return { stamp: lastStamp, hundredths: (within & 1) * 100 + Math.floor(nsec / 10_000_000) };
}
