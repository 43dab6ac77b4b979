/** The functions of @std/assert that the tests use, over node:assert; the package itself is on JSR only. */
import strict from "node:assert/strict";

type Class = abstract new (...args: never[]) => Error;

export function assert(x: unknown, message = "not true"): asserts x {
  strict.ok(x, message);
}
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (message === undefined) strict.deepStrictEqual(actual, expected);
  else strict.deepStrictEqual(actual, expected, message);
}
export function assertStringIncludes(actual: string, expected: string): void {
  strict.ok(actual.includes(expected), `${JSON.stringify(actual)} does not include ${JSON.stringify(expected)}`);
}
export function assertMatch(actual: string, expected: RegExp): void {
  strict.match(actual, expected);
}
function check(e: unknown, type: Class | undefined, includes: string | undefined): void {
  if (type) strict.ok(e instanceof type, `threw ${e}, not ${type.name}`);
  if (includes !== undefined) assertStringIncludes(e instanceof Error ? e.message : String(e), includes);
}
export function assertThrows(fn: () => unknown, type?: Class, includes?: string): void {
  try {
    fn();
  } catch (e) {
    return check(e, type, includes);
  }
  strict.fail("nothing was thrown");
}
export async function assertRejects(fn: () => Promise<unknown>, type?: Class, includes?: string): Promise<void> {
  try {
    await fn();
  } catch (e) {
    return check(e, type, includes);
  }
  strict.fail("nothing was rejected");
}
