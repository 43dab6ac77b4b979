/** FAT's times: local time of a zone the volume does not name, 1980 to 2107. */

/** Seconds east of UTC; a zone's name (Europe/Berlin); undefined: the process's zone. Summer time is the date's. */
export type Zone = number | string | undefined;

const formats = new Map<string, Intl.DateTimeFormat>();
/** How a zone writes its time; throws RangeError when there is no such zone. */
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    const all = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const;
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", second: "numeric", ...all });
    formats.set(zone, format);
  }
  return format;
}
/** Seconds a zone is east of UTC at a moment. */
function offsetAt(zone: string, sec: number): number {
  const part = Object.fromEntries(
    formatOf(zone).formatToParts(sec * 1000).map(({ type, value }) => [type, Number(value)]),
  );
  const { year, month, day, hour, minute, second } = part as Record<string, number>;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) / 1000 - sec;
}
/** Whether there is a zone of that name. */
export function isZone(name: string): boolean {
  try {
    return formatOf(name) !== undefined;
  } catch {
    return false;
  }
}

/** Date word: bits 15-9 year - 1980, 8-5 month, 4-0 day. Time word: 15-11 hour, 10-5 minute, 4-0 seconds / 2. */
export interface DosTime {
  readonly date: number;
  readonly time: number;
  /** Hundredths within two seconds, 0-199. */
  readonly tenth: number;
}
const FIRST = 1980;
const LAST = 2107;

/** Seconds and nanoseconds since 1970. A zero month or day counts as the first. */
export function fromDos(date: number, time: number, tenth: number, zone: Zone): readonly [sec: number, nsec: number] {
  const cs = tenth < 200 ? tenth : 0;
  return [secondsOf(date, time, zone) + Math.floor(cs / 100), (cs % 100) * 10_000_000];
}
/** Words seen lately, of one zone: files that came together have the same, and Date is slow. */
const seen = new Map<number, number>();
let seenZone: Zone;
const MOST_SEEN = 4096;
function secondsOf(date: number, time: number, zone: Zone): number {
  if (zone !== seenZone || seen.size > MOST_SEEN) {
    seen.clear();
    seenZone = zone;
  }
  const key = date * 65_536 + time;
  let sec = seen.get(key);
  if (sec === undefined) seen.set(key, sec = reckon(date, time, zone));
  return sec;
}
function reckon(date: number, time: number, zone: Zone): number {
  const [year, month, day] = [FIRST + (date >> 9), Math.max(1, (date >> 5) & 15), Math.max(1, date & 31)];
  const [hour, minute, second] = [time >> 11, (time >> 5) & 63, (time & 31) * 2];
  if (zone === undefined) return Math.floor(new Date(year, month - 1, day, hour, minute, second).getTime() / 1000);
  const there = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  if (typeof zone === "number") return there - zone;
  return there - offsetAt(zone, there - offsetAt(zone, there));
}

let cachedSecond = NaN;
let cachedZone: Zone;
let cached: DosTime = { date: 0, time: 0, tenth: 0 };
/** The words for a time; clamped to what they can say. */
export function toDos(sec: number, nsec: number, zone: Zone): DosTime {
  const tenth = (sec & 1) * 100 + Math.floor(nsec / 10_000_000);
  // A burst of changes falls into one second: Date's fields cost more than the rest of a create.
  if (sec !== cachedSecond || zone !== cachedZone) {
    cached = words(sec, zone);
    cachedSecond = sec;
    cachedZone = zone;
  }
  return cached.tenth < 0 ? { ...cached, tenth: 0 } : { date: cached.date, time: cached.time, tenth };
}
/** `tenth` -1: clamped. */
function words(sec: number, zone: Zone): DosTime {
  const east = typeof zone === "string" ? (isDate(sec) ? offsetAt(zone, sec) : 0) : zone ?? 0;
  const t = new Date((sec + east) * 1000);
  const f = zone === undefined
    ? [t.getFullYear(), t.getMonth(), t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds()]
    : [t.getUTCFullYear(), t.getUTCMonth(), t.getUTCDate(), t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()];
  const [year, month, day, hour, minute, second] = f as [number, number, number, number, number, number];
  const isLate = year > LAST || (Number.isNaN(year) && sec > 0);
  if (!isLate && !(year >= FIRST)) return { date: (1 << 5) | 1, time: 0, tenth: -1 };
  if (isLate) {
    return { date: ((LAST - FIRST) << 9) | (12 << 5) | 31, time: (23 << 11) | (59 << 5) | 29, tenth: -1 };
  }
  return {
    date: ((year - FIRST) << 9) | ((month + 1) << 5) | day,
    time: (hour << 11) | (minute << 5) | (second >> 1),
    tenth: 0,
  };
}
/** What Date can say. */
const isDate = (sec: number): boolean => Math.abs(sec) < 8.64e12 - 86_400;
