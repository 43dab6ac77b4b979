/** The two assertions claims are made of; they fail with what was seen and what was expected, in one line. */

/** A claim that does not hold; the message says how. */
export class ClaimFailed extends Error {
  override readonly name = "ClaimFailed";
}
export function assert(x: unknown, message = "not true"): asserts x {
  if (!x) throw new ClaimFailed(message);
}
/** Deep equality of what claims compare: scalars, arrays, bytes, sets, plain objects. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (isEqual(actual, expected)) return;
  throw new ClaimFailed(`${message === undefined ? "" : `${message}: `}${shown(actual)}, not ${shown(expected)}`);
}
function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Set) return a.size === (b as Set<unknown>).size && [...a].every((x) => (b as Set<unknown>).has(x));
  if (a instanceof Uint8Array) {
    return a.length === (b as Uint8Array).length && a.every((x, i) => x === (b as Uint8Array)[i]);
  }
  const keys = Object.keys(a);
  const of = (o: object, k: string) => (o as Readonly<Record<string, unknown>>)[k];
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && isEqual(of(a, k), of(b, k)));
}
/** Longest text of a value. */
const MOST = 200;
function shown(x: unknown): string {
  if (x instanceof Uint8Array) return `${x.length} bytes [${x.subarray(0, 8).join(" ")}${x.length > 8 ? " …" : ""}]`;
  if (x instanceof Set) return `a set of ${x.size}`;
  const text = typeof x === "object" || typeof x === "string" ? JSON.stringify(x) : String(x);
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}
