/** A union whose upper file system fails, stops, or says what it should not. */
import process from "node:process";
import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import tmpfs from "../../plugins/fs_tmpfs/mod.ts";
import { errno, SysError } from "../../src/abi/errno.ts";
import { O_CREAT, O_RDWR } from "../../src/abi/flags.ts";
import { rumpList, rumpStat } from "../../src/cmd/files.ts";
import type { FsDriver } from "../../src/plugin.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import { vfsOf } from "../../src/vfs/vfs.ts";
import { randomOf, seedOf } from "../cases/fat_images.ts";
import { assert, assertEquals } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";

const ROUNDS = Number(process.env.ROUNDS ?? 150);

/** tmpfs whose changes are counted, and refused once there were enough. */
function failing() {
  const state = { left: Infinity };
  const changing = new Set([
    "write",
    "setattr",
    "create",
    "mkdir",
    "symlink",
    "link",
    "unlink",
    "rmdir",
    "rename",
    "setxattr",
  ]);
  const driver: FsDriver = {
    ...(tmpfs as FsDriver),
    name: "failfs",
    mount(sys, device, request) {
      const volume = tmpfs.mount(sys, device, request as never);
      return new Proxy(volume, {
        get(target, key) {
          const value = (target as unknown as Record<string | symbol, unknown>)[key];
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            if (changing.has(String(key)) && state.left-- <= 0) throw errno.EIO;
            return (value as (...a: unknown[]) => unknown).apply(target, args);
          };
        },
      }) as never;
    },
  };
  return { driver, state };
}
/** A union at /m of /u, whose changes fail when `state` says so, over /l. */
async function union() {
  const { driver, state } = failing();
  const made = await fakeKernel({ builtins, components: ["rumpvfs", "tmpfs", "union"] });
  await made.kernel.use(driver);
  const sys = made.sys as unknown as SyncCalls;
  for (const path of ["/u", "/l", "/m"]) sys.mkdir({ path, mode: 0o755 });
  const vfs = vfsOf(made.kernel);
  await vfs.mountVolume("failfs", undefined, { from: "u", on: "/u", flags: 0, options: {} });
  const put = (path: string, text: string) => {
    const fd = sys.open({ path, flags: O_CREAT | O_RDWR, mode: 0o644 }) as number;
    sys.write({ fd, buf: new TextEncoder().encode(text) });
    sys.close({ fd });
  };
  const mount = () => vfs.mountVolume("union", undefined, { from: "/u", on: "/m", flags: 0, options: { lower: "/l" } });
  return { ...made, sys, state, vfs, put, mount };
}
/** Every path with what it is and has. */
function tree(sys: SyncCalls, root: string): string[] {
  const out: string[] = [];
  const look = (path: string): void => {
    for (const name of rumpList(sys, root + path).sort()) {
      const { mode, size } = rumpStat(sys, `${root}${path}/${name}`, false);
      const isDir = (mode & 0o170000) === 0o040000;
      out.push(`${path}/${name} ${isDir ? "" : size} ${isDir ? "" : text(sys, `${root}${path}/${name}`)}`);
      if (isDir) look(`${path}/${name}`);
    }
  };
  look("");
  return out;
}
function text(sys: SyncCalls, path: string): string {
  const fd = sys.open({ path, flags: 0 }) as number;
  const buf = new Uint8Array(100);
  const n = sys.read({ fd, buf });
  sys.close({ fd });
  return new TextDecoder().decode(buf.subarray(0, n));
}
function base(sys: SyncCalls, put: (path: string, text: string) => void): void {
  for (const path of ["/l/d", "/l/d/e", "/l/empty"]) sys.mkdir({ path, mode: 0o755 });
  for (const path of ["/l/f", "/l/g", "/l/d/x", "/l/d/e/y"]) put(path, path);
}
/** Changes, each of which is done whole or not at all. */
const changes: readonly (readonly [what: string, work: (sys: SyncCalls) => unknown])[] = [
  ["a lower file is written to", (sys) => {
    const fd = sys.open({ path: "/m/d/x", flags: O_RDWR }) as number;
    try {
      sys.pwrite({ fd, buf: new Uint8Array([65, 66]), offset: 0 });
    } finally {
      sys.close({ fd });
    }
  }],
  ["a lower file is removed", (sys) => sys.unlink({ path: "/m/d/x" })],
  ["a lower file is moved", (sys) => sys.rename({ from: "/m/d/x", to: "/m/moved" })],
  ["a lower file is moved over another", (sys) => sys.rename({ from: "/m/d/x", to: "/m/g" })],
  ["a lower directory is moved", (sys) => sys.rename({ from: "/m/d", to: "/m/moved" })],
  ["a lower directory is moved over an empty one", (sys) => sys.rename({ from: "/m/d/e", to: "/m/empty" })],
  ["an empty lower directory is removed", (sys) => sys.rmdir({ path: "/m/empty" })],
  ["a lower file gets a second name", (sys) => sys.link({ path: "/m/d/e/y", link: "/m/d/z" })],
  ["a mode is changed", (sys) => sys.chmod({ path: "/m/d/e/y", mode: 0o600 })],
];
/** The tree once a change is done. */
async function after(work: (sys: SyncCalls) => unknown): Promise<string[]> {
  const { sys, put, mount } = await union();
  base(sys, put);
  await mount();
  work(sys);
  return tree(sys, "/m");
}
describe("a union that is ended in the middle of a change", () => {
  for (const [what, work] of changes) {
    it(`${what}: when it is mounted again that is done or not, whatever step was the last one`, async () => {
      const whole = await after(work);
      let steps = 0;
      for (let done = false; !done; steps++) {
        const { sys, state, vfs, put, mount } = await union();
        base(sys, put);
        const mounted = await mount();
        const before = tree(sys, "/m");
        state.left = steps;
        try {
          work(sys);
          done = true;
        } catch (e) {
          assert(e === errno.EIO, String(e));
        }
        // Nothing is cleared up, as when the power fails.
        state.left = 0;
        try {
          await vfs.unmount(mounted, true);
        } catch (e) {
          assert(e === errno.EIO, String(e));
        }
        state.left = Infinity;
        await mount();
        const now = tree(sys, "/m");
        const either = !done && JSON.stringify(now) === JSON.stringify(before) ? before : whole;
        assertEquals(now, either, `after ${steps} steps`);
        assertEquals(tree(sys, "/l").length, 7);
      }
      assert(steps > 1, `${steps} steps`);
    });
  }
});
describe("an upper directory of somebody else's making", () => {
  it("whatever it says, a walk through the union ends and stays in the two directories (fuzz)", async () => {
    const seed = seedOf();
    const random = randomOf(seed);
    const names = [
      "d",
      "e",
      "f",
      "x",
      ".wh.f",
      ".wh.d",
      ".wh.",
      ".wh..wh..opq",
      ".wh..wh..lower",
      ".wh..wh..work",
      ".wh..wh.what",
    ];
    const texts = ["", "d", "d/e", "f", "..", "/", "d/../..", "none", "\0", "\xff\xfe", "d/".repeat(30_000), "e"];
    for (let round = 0; round < ROUNDS; round++) {
      const { sys, put, mount } = await union();
      base(sys, put);
      for (let i = 0; i < 12; i++) {
        let path = "/u";
        for (let depth = random(3); depth >= 0; depth--) path += `/${names[random(names.length)]}`;
        try {
          if (random(2) === 0) sys.mkdir({ path, mode: 0o755 });
          else put(path, texts[random(texts.length)]!);
        } catch (e) {
          assert(e instanceof SysError, String(e));
        }
      }
      await mount();
      const end = Date.now() + 5000;
      const walk = (path: string, depth: number): void => {
        assert(depth < 12 && Date.now() < end, `seed ${seed}: ${path}`);
        try {
          for (const name of rumpList(sys, path)) {
            assert(!name.startsWith(".wh."), name);
            const { mode } = rumpStat(sys, `${path}/${name}`, false);
            if ((mode & 0o170000) === 0o040000) walk(`${path}/${name}`, depth + 1);
          }
        } catch (e) {
          assert(e instanceof SysError, `seed ${seed}: ${e instanceof Error ? e.stack : e}`);
        }
      };
      walk("/m", 0);
      for (const path of ["/m/d", "/m/f", "/m/d/x"]) {
        for (
          const work of [
            () => sys.unlink({ path }),
            () => sys.rename({ from: path, to: "/m/new" }),
            () => put(path, "x"),
          ]
        ) {
          try {
            work();
          } catch (e) {
            assert(e instanceof SysError, `seed ${seed}: ${e instanceof Error ? e.stack : e}`);
          }
        }
      }
      assertEquals(tree(sys, "/l").length, 7);
    }
  });
});
