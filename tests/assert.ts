/** The one import site of assertions: `@std/assert` by its functions' names (JSR is not always reachable: see std_assert.ts). */
export * from "#std/assert";
