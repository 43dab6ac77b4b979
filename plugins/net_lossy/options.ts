/** How a bad link is described: `shmif:BUS?loss=1%&delay=10ms&rate=10mbit&seed=1`. */

/** Shares are 0 to 1, times milliseconds. */
export interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  /** One bit of the frame is another. */
  readonly corrupt: number;
  /** Sent at once, before what is being delayed. */
  readonly reorder: number;
  readonly delay: number;
  /** The delay is so much more or less, at random. */
  readonly jitter: number;
  /** Bits a second; 0: any. */
  readonly rate: number;
  /** Frames that wait; what comes then is lost. */
  readonly queue: number;
  readonly seed: number;
}
/** What it is attached to: a driver's name, and a linkstr of that one. */
export interface Link {
  readonly driver: string;
  readonly linkstr: string;
  readonly faults: Faults;
}
const none: Faults = {
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  delay: 0,
  jitter: 0,
  rate: 0,
  queue: 1000,
  seed: 1,
};
type Unit = (text: string) => number | undefined;
const scaled = (pattern: RegExp, units: Readonly<Record<string, number>>): Unit => (text) => {
  const m = pattern.exec(text);
  return m ? Number(m[1]) * units[m[2] ?? ""]! : undefined;
};
const share: Unit = (text) => {
  const n = scaled(/^(\d{1,3}(?:\.\d{1,6})?)(%)?$/, { "": 1, "%": 0.01 })(text);
  return n !== undefined && n <= 1 ? n : undefined;
};
const time = scaled(/^(\d{1,6}(?:\.\d{1,6})?)(us|ms|s)$/, { us: 0.001, ms: 1, s: 1000 });
const rate = scaled(/^(\d{1,6}(?:\.\d{1,3})?)(bit|kbit|mbit|gbit)$/, { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 });
const count = scaled(/^(\d{1,9})()$/, { "": 1 });
const units: Readonly<Record<keyof Faults, Unit>> = {
  loss: share,
  duplicate: share,
  corrupt: share,
  reorder: share,
  delay: time,
  jitter: time,
  rate,
  queue: count,
  seed: count,
};

/** A linkstr taken apart; a text says what is wrong with it. */
export function parseLink(text: string): Link | string {
  const m = /^([a-z][a-z0-9_]*):([^?]+)(?:\?(.*))?$/.exec(text);
  if (!m) return "not DRIVER:LINKSTR?loss=1%&delay=10ms";
  const faults: Record<string, number> = { ...none };
  for (const word of (m[3] ?? "").split("&").filter((w) => w !== "")) {
    const [name, value = ""] = word.split("=", 2);
    const n = Object.hasOwn(units, name!) ? units[name as keyof Faults](value) : undefined;
    if (n === undefined) return `${word}: not one of ${Object.keys(units).join(", ")} with its value`;
    faults[name!] = n;
  }
  return { driver: m[1]!, linkstr: m[2]!, faults: faults as unknown as Faults };
}
