/** What the tests of the host share: a directory of their own, and the host's loop run until a test is done. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { host } from "../../src/host/mod.ts";

/** Run with a new directory, which is removed afterwards. */
export async function inDirectory(fn: (dir: string) => unknown): Promise<void> {
  const dir = mkdtempSync(`${tmpdir()}/rump-host-`);
  try {
    await fn(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Run the loop until `start`'s callback is called; what it is called with is the result. */
export async function inLoop<T>(start: (done: (value: T) => void) => void, ms = 10_000): Promise<T> {
  let result: { readonly value: T } | undefined;
  const cancel = host.loop.timer(ms, () => host.loop.stop());
  start((value) => {
    result ??= { value };
    host.loop.stop();
  });
  await host.loop.run();
  cancel();
  if (!result) throw new Error(`nothing happened within ${ms} ms`);
  return result.value;
}

/** Start a script of tests/runtime in a process of its own, under the same runtime. */
export function script(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ReturnType<typeof host.spawn> {
  const path = new URL(name, import.meta.url).pathname;
  const before = host.runtime === "bun" ? [path] : ["run", "-A", "--no-check", "--no-lock", path];
  return host.spawn(host.self.path, [...before, ...args], { env });
}
