/** Dates of ECMA-119 in seconds since 1970. */

/** Minutes of a quarter hour count of the zone; nonsense is UTC. */
const zone = (quarters: number) => quarters >= -48 && quarters <= 52 ? quarters * 15 * 60 : 0;
const signed = (byte: number) => byte << 24 >> 24;

/** 7 bytes of a directory record (9.1.5); undefined when not recorded. */
export function shortDate(b: Uint8Array, at = 0): number | undefined {
  const month = b[at + 1]!;
  if (month === 0) return undefined;
  const utc = Date.UTC(1900 + b[at]!, month - 1, b[at + 2], b[at + 3], b[at + 4], b[at + 5]);
  return utc / 1000 - zone(signed(b[at + 6]!));
}
/** 17 bytes of a volume descriptor (8.4.26.1): digits to the hundredth; undefined when not recorded. */
export function longDate(b: Uint8Array, at = 0): number | undefined {
  let digits = "";
  for (let i = 0; i < 16; i++) digits += String.fromCharCode(b[at + i]!);
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(digits)?.slice(1).map(Number);
  if (!parts || parts[0] === 0) return undefined;
  const [year, month, day, hour, minute, second, hundredth] = parts as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, hundredth * 10);
  return date.getTime() / 1000 - zone(signed(b[at + 16]!));
}
