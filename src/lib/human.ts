/** Sizes for people (humanize_number(3)): at most four digits and a unit, one decimal below ten. */

const units = ["B", "K", "M", "G", "T", "P", "E"];

/** `1.0K`, `130K`, `4.0G`; rounded up where digits are lost, as df and ls do. */
export function human(bytes: number): string {
  let n = bytes;
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  const text = unit > 0 && n < 9.95 ? n.toFixed(1) : String(Math.round(n));
  return text + units[unit];
}
