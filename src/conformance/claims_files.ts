/** Claims about files and their bytes: open(2), read(2), write(2), ftruncate(2), unlink(2). */
import { assert, assertEquals } from "./assert.ts";
import { type Claim, get, getText, pattern, type Posix, put, refused } from "./claim.ts";

const zeros = (bytes: Uint8Array) => bytes.every((b) => b === 0);
/** Sizes around blocks, pages and chunks. */
const SIZES = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537, 300_001];

/** Use a descriptor and close it. */
async function withOpen(
  p: Posix,
  path: string,
  how: Parameters<Posix["open"]>[1],
  use: (fd: unknown) => Promise<void>,
) {
  const fd = await p.open(path, how);
  try {
    await use(fd);
  } finally {
    await p.close(fd);
  }
}
const bytes = (text: string) => new TextEncoder().encode(text);

/** Random writes and truncations, compared with an array. */
async function againstModel(p: Posix, path: string): Promise<void> {
  let model = new Uint8Array(0);
  let x = 42;
  const random = (n: number) => (x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff) % n;
  await withOpen(p, path, "w+", async (fd) => {
    for (let round = 0; round < 120; round++) {
      const at = random(200_000);
      if (round % 7 === 6) {
        await p.ftruncate(fd, at);
        const cut = new Uint8Array(at);
        cut.set(model.subarray(0, at));
        model = cut;
      } else {
        const data = pattern(1 + random(20_000), round);
        const grown = new Uint8Array(Math.max(model.length, at + data.length));
        grown.set(model);
        grown.set(data, at);
        model = grown;
        assertEquals(await p.write(fd, data, at), data.length);
      }
      const from = random(200_000);
      const got = await p.read(fd, 5000, from);
      assertEquals(got, model.slice(from, from + 5000), `round ${round}, at ${from}`);
    }
  });
  assertEquals(await get(p, path), model);
}

export const fileClaims: readonly Claim[] = [
  {
    name: "a new file is empty; O_EXCL refuses one that is there, a missing one is ENOENT",
    async run(p, dir) {
      await p.close(await p.open(`${dir}/f`, "wx"));
      const s = await p.stat(`${dir}/f`);
      assertEquals([s.type, s.size], ["file", 0]);
      assertEquals(await refused(p.open(`${dir}/f`, "wx")), "EEXIST");
      assertEquals(await refused(p.open(`${dir}/missing`, "r")), "ENOENT");
      assertEquals(await refused(p.open(`${dir}/missing/f`, "w")), "ENOENT");
      assertEquals(await refused(p.open(`${dir}/f/g`, "w")), "ENOTDIR");
    },
  },
  {
    name: "what is written is read, whatever the size",
    async run(p, dir) {
      for (const size of SIZES) {
        const content = pattern(size, size + 1);
        await put(p, `${dir}/f`, content);
        assertEquals((await p.stat(`${dir}/f`)).size, size);
        assertEquals(await get(p, `${dir}/f`), content, `${size} bytes`);
        await p.unlink(`${dir}/f`);
      }
    },
  },
  {
    name: "small sequential writes and reads go on at the descriptor's offset",
    async run(p, dir) {
      const content = pattern(10_000, 3);
      await withOpen(p, `${dir}/f`, "w", async (fd) => {
        for (let at = 0; at < content.length; at += 77) await p.write(fd, content.subarray(at, at + 77));
      });
      await withOpen(p, `${dir}/f`, "r", async (fd) => {
        for (let at = 0; at < content.length; at += 131) {
          assertEquals(await p.read(fd, 131), content.slice(at, at + 131));
        }
        assertEquals((await p.read(fd, 10)).length, 0);
      });
    },
  },
  {
    name: "reading stops at the end: what is there, then nothing",
    async run(p, dir) {
      await put(p, `${dir}/f`, "hello world");
      await withOpen(p, `${dir}/f`, "r", async (fd) => {
        assertEquals(await p.read(fd, 100, 6), bytes("world"));
        for (const at of [11, 12, 4096, 1_000_000]) assertEquals((await p.read(fd, 10, at)).length, 0, `at ${at}`);
      });
    },
  },
  {
    name: "a hole reads as zeros",
    async run(p, dir) {
      await withOpen(p, `${dir}/f`, "w+", async (fd) => {
        await p.write(fd, bytes("start"), 0);
        await p.write(fd, bytes("end"), 150_000);
        assertEquals((await p.fstat(fd)).size, 150_003);
        assert(zeros(await p.read(fd, 100_000, 5)), "zeros between");
        assertEquals(await p.read(fd, 10, 149_998), bytes("\0\0end"));
      });
    },
  },
  {
    name: "a file cut and lengthened has zeros where the old data was",
    needs: ["truncate"],
    async run(p, dir) {
      await put(p, `${dir}/f`, pattern(100_000));
      await p.truncate(`${dir}/f`, 1000);
      assertEquals((await p.stat(`${dir}/f`)).size, 1000);
      await p.truncate(`${dir}/f`, 100_000);
      const got = await get(p, `${dir}/f`);
      assertEquals(got.slice(0, 1000), pattern(100_000).slice(0, 1000));
      assert(zeros(got.subarray(1000)), "zeros after the cut");
      await p.truncate(`${dir}/f`, 0);
      assertEquals((await get(p, `${dir}/f`)).length, 0);
      assertEquals(await refused(p.truncate(`${dir}/missing`, 0)), "ENOENT");
    },
  },
  {
    name: "random writes and truncations agree with an array",
    needs: ["truncate"],
    run: (p, dir) => againstModel(p, `${dir}/f`),
  },
  {
    name: "appending goes to the end, wherever others have put it",
    async run(p, dir) {
      await put(p, `${dir}/f`, "one ");
      await withOpen(p, `${dir}/f`, "a", async (fd) => {
        await p.write(fd, bytes("two "));
        await withOpen(p, `${dir}/f`, "r+", async (other) => void await p.write(other, bytes("three "), 8));
        await p.write(fd, bytes("four"));
      });
      assertEquals(await getText(p, `${dir}/f`), "one two three four");
    },
  },
  {
    name: "opening to write anew empties the file",
    async run(p, dir) {
      await put(p, `${dir}/f`, pattern(5000));
      await p.close(await p.open(`${dir}/f`, "w"));
      assertEquals((await p.stat(`${dir}/f`)).size, 0);
    },
  },
  {
    name: "descriptors of one file see each other's writes",
    async run(p, dir) {
      await put(p, `${dir}/f`, "....");
      await withOpen(p, `${dir}/f`, "r", async (reader) => {
        await withOpen(p, `${dir}/f`, "r+", async (writer) => void await p.write(writer, bytes("seen"), 0));
        assertEquals(await p.read(reader, 10, 0), bytes("seen"));
      });
    },
  },
  {
    name: "a descriptor does what it was opened for, else EBADF",
    async run(p, dir) {
      await put(p, `${dir}/f`, "x");
      await withOpen(p, `${dir}/f`, "r", async (fd) => {
        assertEquals(await refused(p.write(fd, bytes("y"), 0)), "EBADF");
      });
      await withOpen(p, `${dir}/f`, "a", async (fd) => {
        assertEquals(await refused(p.read(fd, 1, 0)), "EBADF");
      });
    },
  },
  {
    name: "an unlinked file lives as long as it is open, and its name is free at once",
    async run(p, dir) {
      await put(p, `${dir}/f`, pattern(70_000));
      await withOpen(p, `${dir}/f`, "r+", async (fd) => {
        await p.unlink(`${dir}/f`);
        assertEquals(await refused(p.stat(`${dir}/f`)), "ENOENT");
        await put(p, `${dir}/f`, "another");
        await p.write(fd, bytes("tail"), 70_000);
        assertEquals(await p.read(fd, 4, 70_000), bytes("tail"));
        assertEquals(await p.read(fd, 500, 60_000), pattern(70_000).slice(60_000, 60_500));
        assertEquals((await p.fstat(fd)).size, 70_004);
      });
      assertEquals(await getText(p, `${dir}/f`), "another");
    },
  },
  {
    name: "the room of removed files comes back",
    async run(p, dir) {
      // More in sum than a small volume has; one at a time it fits.
      for (let i = 0; i < 40; i++) {
        await put(p, `${dir}/f`, pattern(300_000, i));
        await p.unlink(`${dir}/f`);
      }
      for (let i = 0; i < 40; i++) await put(p, `${dir}/same`, pattern(300_000, i));
      assertEquals((await p.stat(`${dir}/same`)).size, 300_000);
    },
  },
  {
    name: "files past 4 GiB: sparse, read back at both ends",
    needs: ["huge", "truncate"],
    async run(p, dir) {
      const far = 5 * 2 ** 30 + 123;
      await withOpen(p, `${dir}/f`, "w+", async (fd) => {
        await p.write(fd, bytes("low"), 0);
        await p.write(fd, bytes("high"), far);
        assertEquals((await p.fstat(fd)).size, far + 4);
        assertEquals(await p.read(fd, 10, far), bytes("high"));
        assertEquals(await p.read(fd, 3, 0), bytes("low"));
        assert(zeros(await p.read(fd, 1000, 2 ** 32 - 500)), "zeros around 4 GiB");
      });
    },
  },
  {
    name: "fsync of a changed file succeeds, and the data is there",
    async run(p, dir) {
      await withOpen(p, `${dir}/f`, "w+", async (fd) => {
        await p.write(fd, pattern(9000), 0);
        await p.fsync(fd);
        assertEquals(await p.read(fd, 9000, 0), pattern(9000));
      });
    },
  },
];
