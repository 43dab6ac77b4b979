/** Claims on the driver's contract (src/plugin.ts, Volume): nodes, lent buffers, what persists, what a broken disk does. */
import { errno, SysError } from "../abi/errno.ts";
import type { BlockDevice } from "../plugin.ts";
import type { FullVolume } from "../vfs/defaults.ts";
import { assert, assertEquals } from "./assert.ts";
import { callsPosix } from "./calls.ts";
import { get, pattern, put } from "./claim.ts";
import { mountAgain, mountOf, type Subject, type SubjectClaim } from "./subject.ts";

const make = { mode: 0o644, uid: 0, gid: 0 };
const volumeOf = (s: Subject): FullVolume => mountOf(s).volume;

/** Files and directories looked at in a volume that came filled. */
const MAX_SEEN = 500;
/** Something to look at, where the volume can be written. */
async function fill(v: FullVolume): Promise<void> {
  if (v.readOnly) return;
  const dir = await subdirectory(v);
  for (const [at, name] of [[v.root, "empty"], [v.root, "Some Name.txt"], [dir, "inside"]] as const) {
    const node = await v.create(at, name, make);
    if (name !== "empty") await v.write(node, pattern(70_000, name.length), 0);
  }
}
/** A directory, or the root of a volume that makes none. */
async function subdirectory(v: FullVolume): Promise<unknown> {
  try {
    return await v.mkdir(v.root, "dir", { ...make, mode: 0o755 });
  } catch (e) {
    if (e === errno.EOPNOTSUPP) return v.root;
    throw e;
  }
}
/** Every file, with its directory and name. */
async function* walk(v: FullVolume): AsyncGenerator<{ dir: unknown; name: string; node: unknown }> {
  const todo: unknown[] = [v.root];
  let seen = 0;
  for (let dir = todo.pop(); dir !== undefined && seen < MAX_SEEN; dir = todo.pop()) {
    for (const [name, node] of [...await v.readdir(dir)]) {
      if (seen++ >= MAX_SEEN) return;
      yield { dir, name, node };
      if ((await v.getattr(node)).type === "dir") todo.push(node);
    }
  }
}
/** The bytes of a file in pieces of an odd size. */
async function inPieces(v: FullVolume, node: unknown, size: number): Promise<Uint8Array> {
  const all = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const n = await v.read(node, all.subarray(at, at + 1777), at);
    if (n === 0) break;
    at += n;
  }
  return all;
}
/** The same device through other hands. */
function wrapped(device: BlockDevice, change: Partial<BlockDevice>): BlockDevice {
  return {
    name: device.name,
    blockSize: device.blockSize,
    size: device.size,
    read: (into, offset) => device.read(into, offset),
    ...(device.write ? { write: (from: Uint8Array, offset: number) => device.write!(from, offset) } : {}),
    ...change,
  };
}

export const volumeClaims: readonly SubjectClaim[] = [
  {
    name: "the root is a directory with a number",
    readOnly: true,
    async run(s) {
      const v = volumeOf(s);
      const attr = await v.getattr(v.root);
      assertEquals([attr.type, Number.isSafeInteger(attr.ino), Number.isSafeInteger(attr.size)], ["dir", true, true]);
    },
  },
  {
    name: "a listing has neither . nor .., every name once, and lookup gives the very nodes it gives",
    readOnly: true,
    async run(s) {
      const v = volumeOf(s);
      await fill(v);
      const seen = new Map<unknown, Set<string>>();
      for await (const { dir, name, node } of walk(v)) {
        assert(name !== "" && name !== "." && name !== ".." && !name.includes("/"), name);
        const names = seen.get(dir) ?? new Set();
        assert(!names.has(name), `${name} is listed twice`);
        seen.set(dir, names.add(name));
        assert(await v.lookup(dir, name) === node, `lookup of ${name} gives another node`);
        assert(await v.lookup(dir, name) === node, `the second lookup of ${name} gives another node`);
      }
    },
  },
  {
    name: "a missing name is undefined, not an error",
    readOnly: true,
    async run(s) {
      const v = volumeOf(s);
      assertEquals(await v.lookup(v.root, "no such name"), undefined);
    },
  },
  {
    name: "files have as many bytes as they say, whole or in pieces, and none past the end",
    readOnly: true,
    async run(s) {
      const v = volumeOf(s);
      await fill(v);
      for await (const { name, node } of walk(v)) {
        const { type, size } = await v.getattr(node);
        if (type !== "file" || size > 8 << 20) continue;
        const whole = new Uint8Array(size + 100).fill(0xaa);
        assertEquals(await v.read(node, whole, 0), size, name);
        assertEquals(whole.slice(size), new Uint8Array(100).fill(0xaa), "bytes past the count are touched");
        assertEquals(await inPieces(v, node, size), whole.slice(0, size), name);
        for (const at of [size, size + 1, size + 100_000]) assertEquals(await v.read(node, new Uint8Array(9), at), 0);
      }
    },
  },
  {
    name: "statfs counts in blocks, no more free than there are",
    readOnly: true,
    async run(s) {
      const { blockSize, blocks, free } = await volumeOf(s).statfs();
      assert(blockSize > 0 && free >= 0 && free <= blocks, `${free} of ${blocks} blocks of ${blockSize}`);
      assert([blockSize, blocks, free].every(Number.isSafeInteger), "whole numbers");
    },
  },
  {
    name: "what create gives is what lookup finds, before and after renaming",
    needs: ["rename"],
    async run(s) {
      const v = volumeOf(s);
      const node = await v.create(v.root, "one", make);
      assert(await v.lookup(v.root, "one") === node, "created");
      await v.rename(v.root, "one", node, v.root, "two", undefined);
      assertEquals([await v.lookup(v.root, "one"), await v.lookup(v.root, "two") === node], [undefined, true]);
    },
  },
  {
    name: "buffers are lent: what the caller does to them afterwards changes nothing",
    async run(s) {
      const v = volumeOf(s);
      const node = await v.create(v.root, "f", make);
      for (const size of [10, 4096, 70_000]) {
        const from = pattern(size, size);
        assertEquals(await v.write(node, from, 0), size);
        from.fill(0);
        const into = new Uint8Array(size);
        await v.read(node, into, 0);
        into.fill(1);
        assertEquals(await inPieces(v, node, size), pattern(size, size));
      }
    },
  },
  {
    name: "an unlinked node works until it is inactive; then its room is free again",
    async run(s) {
      const v = volumeOf(s);
      const before = (await v.statfs()).free;
      const node = await v.create(v.root, "f", make);
      v.active(node);
      await v.write(node, pattern(50_000), 0);
      const { free, blocks } = await v.statfs();
      // A volume without a limit of its own has no free room to tell of.
      assert(free < before || before === 0, `${free} of ${blocks} blocks free after writing, ${before} before`);
      await v.unlink(v.root, "f", node);
      assertEquals(await v.lookup(v.root, "f"), undefined);
      assertEquals((await v.getattr(node)).size, 50_000);
      assertEquals(await inPieces(v, node, 50_000), pattern(50_000));
      await v.inactive(node);
      await v.sync();
      assertEquals((await v.statfs()).free, before);
    },
  },
  {
    name: "inactive does no harm to a file that has a name",
    async run(s) {
      const v = volumeOf(s);
      const node = await v.create(v.root, "f", make);
      await v.write(node, pattern(5000), 0);
      await v.inactive(node);
      const again = await v.lookup(v.root, "f");
      assertEquals(await inPieces(v, again, 5000), pattern(5000));
    },
  },
  {
    name: "sync and fsync of an idle volume and of a changed one succeed, twice",
    async run(s) {
      const v = volumeOf(s);
      const node = await v.create(v.root, "f", make);
      await v.write(node, pattern(5000), 0);
      for (let i = 0; i < 2; i++) {
        await v.fsync(node);
        await v.sync();
      }
    },
  },
  {
    name: "on a device everything is there after unmount and mount",
    async run(s) {
      if (!s.device) return;
      const p = callsPosix(s.sys);
      await fill(volumeOf(s));
      await put(p, "/m/dir/many bytes", pattern(200_000));
      await s.vfs.unmount(mountOf(s));
      assertEquals(await p.readdir("/m"), []);
      await mountAgain(s);
      assertEquals((await p.readdir("/m")).sort(), ["Some Name.txt", "dir", "empty"]);
      assertEquals(await get(p, "/m/dir/many bytes"), pattern(200_000));
      assertEquals(await get(p, "/m/dir/inside"), pattern(70_000, "inside".length));
    },
  },
  {
    name: "a device that cannot be written mounts, is read, and is left alone",
    async run(s) {
      if (!s.device) return;
      const p = callsPosix(s.sys);
      await put(p, "/m/f", pattern(9000));
      await s.vfs.unmount(mountOf(s));
      const { write: _none, ...readOnly } = wrapped(s.device, {});
      const mount = await mountAgain(s, readOnly);
      assertEquals([mount.readOnly, await get(p, "/m/f")], [true, pattern(9000)]);
      await s.vfs.sync();
      await s.vfs.unmount(mount);
    },
  },
  {
    name: "a device that fails is EIO and nothing worse, and after it recovers all is well",
    async run(s) {
      if (!s.device) return;
      const { device } = s;
      let broken = false;
      const fails = () => {
        if (broken) throw errno.EIO;
      };
      await s.vfs.unmount(mountOf(s));
      await mountAgain(
        s,
        wrapped(device, {
          read: (into, at) => (fails(), device.read(into, at)),
          write: (from, at) => (fails(), device.write?.(from, at)),
        }),
      );
      const p = callsPosix(s.sys);
      await put(p, "/m/before", pattern(3000));
      broken = true;
      for (const work of [() => s.vfs.sync(), () => put(p, "/m/during", pattern(300_000)), () => get(p, "/m/before")]) {
        try {
          await work();
        } catch (e) {
          assert(e instanceof SysError && e === errno.EIO, `${e}`);
        }
      }
      broken = false;
      await s.vfs.sync();
      assertEquals(await get(p, "/m/before"), pattern(3000));
      await put(p, "/m/after", pattern(3000, 2));
      await s.vfs.unmount(mountOf(s));
      await mountAgain(s);
      assertEquals([await get(p, "/m/before"), await get(p, "/m/after")], [pattern(3000), pattern(3000, 2)]);
    },
  },
];
