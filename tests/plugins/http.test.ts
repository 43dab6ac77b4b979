/** A web server that says anything: the client fails with an errno, soon, and takes no more memory than it asked for. */
import { describe, it } from "node:test";
import http from "../../plugins/disk_http/mod.ts";
import { parseOptions } from "../../src/kern/driver_options.ts";
import { SysError } from "../../src/abi/errno.ts";
import type { BlockDevice, Channel } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { plainSys, randomOf, seedOf } from "../cases/fat_images.ts";

const SIZE = 300_000;
const text = (s: string) => new TextEncoder().encode(s);
const image = (offset: number, length: number) => Uint8Array.from({ length }, (_, i) => (offset + i) % 251);
/** What a server says to a request for a range; undefined: it hangs up. */
type Answer = (from: number, to: number, nth: number) => Uint8Array | undefined;

function head(from: number, to: number, more = "", status = "206 Partial Content"): Uint8Array {
  const length = to - from + 1;
  return text(
    `HTTP/1.1 ${status}\r\nContent-Range: bytes ${from}-${to}/${SIZE}\r\nContent-Length: ${length}\r\nETag: "1"\r\n${more}\r\n`,
  );
}
function joined(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
const sound: Answer = (from, to) => joined(head(from, to), image(from, to - from + 1));

/** A connection to such a server; its answers come in pieces of some bytes. */
function connection(answer: Answer, piece: number): Channel {
  let receive = (_: Uint8Array): boolean | void => {};
  let closed = () => {};
  let open = true;
  let nth = 0;
  const end = () => {
    if (!open) return;
    open = false;
    closed();
  };
  return {
    send(...parts) {
      const [, from, to] = /Range: bytes=(\d+)-(\d+)/.exec(new TextDecoder().decode(joined(...parts)))!;
      const bytes = answer(Number(from), Number(to), nth++);
      queueMicrotask(() => {
        if (!bytes) return end();
        for (let at = 0; at < bytes.length && open; at += piece) receive(bytes.subarray(at, at + piece));
      });
      return true;
    },
    receive: (on) => void (receive = on),
    drained: () => {},
    pause: () => {},
    close: end,
    closed: (on) => void (closed = on),
    peer: "",
  };
}
async function opened(answer: Answer, options = "", piece = 10_000): Promise<BlockDevice> {
  const connect = () => connection(answer, piece);
  const sys = { ...plainSys(), sockets: { connect } as never, callout: timer };
  const given = { timeout: "0.1", retries: "0", ...Object.fromEntries(new URLSearchParams(options)) };
  return await http.open(sys, parseOptions(http.options, given), { source: "http://host/x", readOnly: true });
}
const timer = (ms: number, fn: () => void) => {
  const t = setTimeout(fn, ms);
  return () => clearTimeout(t);
};
const outcome = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return "ok";
  } catch (e) {
    if (e instanceof SysError) return e.code;
    throw e;
  }
};
/** The first answer as it should be, then another. */
const later = (answer: Answer): Answer => {
  let n = 0;
  return (from, to, nth) => (n++ === 0 ? sound : answer)(from, to, nth);
};

describe("http", () => {
  for (const piece of [1, 7, 100_000]) {
    it(`an image in pieces of ${piece} bytes is what it is, read forwards, backwards and anywhere`, async () => {
      const disk = await opened(sound, "", piece);
      assertEquals(disk.size, SIZE);
      const random = randomOf(seedOf());
      const offsets = [0, 1000, 65_535, 65_536, SIZE - 1000, ...Array.from({ length: 5 }, () => random(SIZE - 1000))];
      for (const offset of offsets) {
        const into = new Uint8Array(1000);
        await disk.read(into, offset);
        assertEquals(into, image(offset, 1000));
      }
    });
  }
  it("an answer in chunks is put together", async () => {
    const disk = await opened((from, to) => {
      const bytes = image(from, to - from + 1);
      const cut = bytes.length >> 1;
      const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((c) => c.length > 0).map((c) =>
        joined(text(`${c.length.toString(16)};x=y\r\n`), c, text("\r\n"))
      );
      const first = text(
        `HTTP/1.1 206 OK\r\nContent-Range: bytes ${from}-${to}/${SIZE}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      return joined(first, ...chunks, text("0\r\nTrailer: 1\r\n\r\n"));
    });
    const into = new Uint8Array(70_000);
    await disk.read(into, 10);
    assertEquals(into, image(10, 70_000));
  });
  const wrong: Readonly<Record<string, Answer>> = {
    "that is of another image": (from, to) =>
      joined(text(new TextDecoder().decode(head(from, to)).replace('"1"', '"2"')), image(from, to - from + 1)),
    "of another range": (from, to) => joined(head(from + 1, to + 1), image(from, to - from + 1)),
    "that is compressed": (from, to) =>
      joined(head(from, to, "Content-Encoding: gzip\r\n"), image(from, to - from + 1)),
    "that is too short": (from, to) => joined(head(from, to), image(from, 5)),
    "without an end": () => text(`HTTP/1.1 206 OK\r\n${"x: y\r\n".repeat(300)}`),
    "of one long line": () => text(`HTTP/1.1 206 OK\r\nx: ${"y".repeat(100_000)}`),
    "that is preliminary for ever": () => text("HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
    "with an enormous chunk": (from, to) =>
      joined(
        text(new TextDecoder().decode(head(from, to)).replace(/Content-L.*/, "Transfer-Encoding: chunked")),
        text("ffffffff\r\n"),
      ),
    "that never comes": () => new Uint8Array(0),
    "that is a hang-up": () => undefined,
  };
  for (const [what, answer] of Object.entries(wrong)) {
    it(`an answer ${what} is EIO`, async () => {
      const disk = await opened(later(answer));
      assertEquals(await outcome(() => disk.read(new Uint8Array(8), 4096)), "EIO");
    });
  }
  it("what failed is asked for again, and then read", async () => {
    let refused = 0;
    const disk = await opened(
      later((from, to, nth) => (refused++ < 2 ? text("HTTP/1.1 503 No\r\n\r\n") : sound(from, to, nth))),
      "retries=3",
    );
    const into = new Uint8Array(8);
    await disk.read(into, 4096);
    assertEquals(into, image(4096, 8));
  });
  it("what is in the cache is not asked for again", async () => {
    let asked = 0;
    const disk = await opened((from, to, nth) => (asked += to - from + 1, sound(from, to, nth)));
    for (let round = 0; round < 3; round++) await disk.read(new Uint8Array(SIZE), 0);
    assertEquals(asked, SIZE + 1);
  });
  it("servers that say anything: an errno", async () => {
    const seed = seedOf();
    for (let i = 0; i < 120; i++) {
      const random = randomOf(seed + i);
      const noisy: Answer = (from, to, nth) => {
        const bytes = sound(from, to, nth)!;
        const about = Math.min(bytes.length, 200);
        for (let n = random(3); n > 0; n--) bytes[random(about)] = random(4) === 0 ? 10 : random(256);
        return random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      };
      try {
        let disk: BlockDevice | undefined;
        await outcome(async () => (disk = await opened(noisy, "timeout=0.1")));
        if (disk) { for (let n = 0; n < 3; n++) await outcome(() => disk!.read(new Uint8Array(64), random(1000))); }
        await outcome(() => disk?.close?.());
      } catch (e) {
        throw new Error(`SEED=${seed + i}`, { cause: e });
      }
    }
  });
});
