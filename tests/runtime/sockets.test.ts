import { describe, it } from "node:test";
import type { Channel, SocketAddress } from "../../src/plugin.ts";
import { then } from "../../src/lib/async.ts";
import { errno } from "../../src/abi/errno.ts";
import { host } from "../../src/host/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { inDirectory, inLoop, script } from "./helpers.ts";

const { loopSockets, eventSockets } = host;
const bytes = (text: string) => new TextEncoder().encode(text);
const PORT = 20_000 + host.pid % 20_000;
const addresses: Readonly<Record<string, (dir: string) => SocketAddress>> = {
  "a path": (dir) => ({ path: `${dir}/sock` }),
  "the abstract namespace": () => ({ path: `\0rump-host-${host.pid}` }),
  "TCP over IPv4": () => ({ host: "127.0.0.1", port: PORT }),
  "TCP over IPv6": () => ({ host: "::1", port: PORT }),
};
const echo = (channel: Channel) => channel.receive((b) => void channel.send(b));

describe("sockets in the loop", () => {
  for (const [name, at] of Object.entries(addresses)) {
    it(`echo over ${name}, and tell when it is closed`, () =>
      inDirectory(async (dir) => {
        const address = at(dir);
        const listener = await loopSockets.listen(address, echo);
        const got = await inLoop<string>((done) => {
          void then(loopSockets.connect(address), (client) => {
            let text = "";
            client.receive((b) => {
              text += new TextDecoder().decode(b);
              if (text.length >= 6) client.close();
            });
            client.closed(() => done(text));
            client.send(bytes("abc"), bytes(""), bytes("def"));
          });
        });
        assertEquals(got, "abcdef");
        listener.close();
      }));
  }
  /** What a peer receives, by pieces, of one who answers whatever comes by `answer`. */
  const received = async (answer: (channel: Channel) => void, until: number) => {
    const pieces: number[] = [];
    await inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const listener = await loopSockets.listen({ path }, (channel) => channel.receive(() => answer(channel)));
      await inLoop<void>((done) => {
        void then(loopSockets.connect({ path }), (client) => {
          client.receive((b) => {
            pieces.push(b.length);
            if (pieces.reduce((a, n) => a + n, 0) >= until) client.close();
          });
          client.closed(done);
          client.send(bytes("?"));
        });
      });
      listener.close();
    });
    return pieces;
  };
  it("send short answers to what came at once together", async () => {
    const pieces = await received((channel) => {
      for (let i = 0; i < 100; i++) channel.send(bytes("ab"), bytes("c"));
    }, 300);
    assertEquals(pieces, [300]);
  });
  it("send long answers in their place among short ones, and what was sent before the end", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const long = new Uint8Array(500_000).fill(98);
      const listener = await loopSockets.listen({ path }, (channel) =>
        channel.receive(() => {
          channel.send(bytes("aa"));
          channel.send(long);
          channel.send(bytes("c"));
          channel.send(new Uint8Array(5000).fill(100), bytes("e"));
          channel.send(bytes("f"));
        }));
      const text = await inLoop<string>((done) => {
        let text = "";
        void then(loopSockets.connect({ path }), (client) => {
          client.receive((b) => {
            text += new TextDecoder().decode(b);
            if (text.endsWith("f")) client.close();
          });
          client.closed(() => done(text));
          client.send(bytes("?"));
        });
      });
      assertEquals(text.replace(/(.)\1*/g, (run, c) => `${c}${run.length} `), "a2 b500000 c1 d5000 e1 f1 ");
      listener.close();
    }));
  it("send what was said before they hang up", async () => {
    assertEquals(await received((channel) => (channel.send(bytes("bye")), channel.close()), 1000), [3]);
  });
  it("know the uid and pid behind a unix socket", () =>
    inDirectory(async (dir) => {
      const address = { path: `${dir}/sock` };
      const peer = await inLoop<Channel["credentials"]>((done) => {
        void loopSockets.listen(address, (channel) => done(channel.credentials));
        void loopSockets.connect(address);
      });
      assertEquals(peer, { pid: host.pid, uid: host.uid, gid: host.gid });
    }));
  it("serve a blocking client in another process", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const listener = await loopSockets.listen({ path }, echo);
      const out = await inLoop<string>(
        (done) => void script("child.ts", ["echo", path, "200"]).stdout.then(done),
        20_000,
      );
      assertEquals(out.split(" ")[0], "0123456789abcdef");
      listener.close();
    }));
  it("hold back for a slow reader: send says so, drained goes on, every byte arrives once", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const size = 32 << 20;
      let full = 0;
      const listener = await loopSockets.listen({ path }, (channel) => {
        let sent = 0;
        const more = () => {
          while (sent < size) {
            const part = new Uint8Array(100 << 10);
            for (let i = 0; i < part.length; i++) part[i] = (sent + i) >>> 10;
            sent += part.length;
            if (!channel.send(part.subarray(0, 100), part.subarray(100))) {
              full++;
              return;
            }
          }
          channel.close();
        };
        channel.drained(more);
        more();
      });
      const out = await inLoop<string>((done) => void script("child.ts", ["slow", path]).stdout.then(done), 30_000);
      const [total, right] = out.trim().split(" ");
      assert(Number(total) >= size, out);
      assertEquals(right, "true");
      assert(full > 10, `${full} times full`);
      listener.close();
    }));
  it("cut off a peer that lets too much come together", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      const sent = await inLoop<number>((done) => {
        void loopSockets.listen({ path }, (channel) => {
          let sent = 0;
          let open = true;
          channel.closed(() => {
            open = false;
            done(sent);
          });
          const part = new Uint8Array(1 << 20);
          while (open && sent < 1 << 30) {
            channel.send(part);
            sent += part.length;
          }
        });
        void loopSockets.connect({ path }); // and never reads
      });
      assert(sent < 128 << 20, `${sent} bytes were kept`);
    }));
  it("nobody there is ECONNREFUSED or ENOENT", async () => {
    assertThrows(() => loopSockets.connect({ path: "/nonexistent/sock" }), Error, errno.ENOENT.message);
    const outcome = await inLoop<unknown>((done) => {
      void Promise.resolve(loopSockets.connect({ host: "127.0.0.1", port: 1 })).then(done, done);
    });
    assertEquals(outcome, errno.ECONNREFUSED);
  });
});

for (const [name, sockets] of [["loop", loopSockets], ["event", eventSockets]] as const) {
  describe(`listening with ${name}Sockets`, () => {
    const listen = async (address: SocketAddress) => await sockets.listen(address, () => {});

    it("removes its socket file when it ends", () =>
      inDirectory(async (dir) => {
        (await listen({ path: `${dir}/sock` })).close();
        await new Promise((resolve) => setTimeout(resolve, 20));
        assertEquals(host.readdir(dir), []);
      }));
    it("at a live server's socket is EADDRINUSE, and the server stays", () =>
      inDirectory(async (dir) => {
        const path = `${dir}/sock`;
        const first = await loopSockets.listen({ path }, () => {});
        await assertRejects(() => listen({ path }), Error, errno.EADDRINUSE.message);
        assertEquals(host.stat(path).type, "sock");
        first.close();
      }));
    it("takes over the socket of a server that was killed", () =>
      inDirectory(async (dir) => {
        const path = `${dir}/sock`;
        const server = script("child.ts", ["serve", path]);
        while (!host.readdir(dir).includes("sock")) await new Promise((resolve) => setTimeout(resolve, 5));
        host.kill(server.pid, "SIGKILL");
        await server.status;
        assertEquals(host.stat(path).type, "sock");
        (await listen({ path })).close();
      }));
    it("at a file that is no socket is EADDRINUSE, and the file stays", () =>
      inDirectory(async (dir) => {
        const path = `${dir}/disk.img`;
        host.writeFile(path, "precious");
        await assertRejects(() => listen({ path }), Error, errno.EADDRINUSE.message);
        assertEquals(new TextDecoder().decode(host.readFile(path)), "precious");
      }));
  });
}

describe("sockets of the runtime", () => {
  for (const [name, at] of Object.entries(addresses)) {
    it(`echo over ${name}`, () =>
      inDirectory(async (dir) => {
        const listener = await eventSockets.listen(at(dir), echo);
        const client = await eventSockets.connect(at(dir));
        const got = new Promise<string>((resolve) => client.receive((b) => resolve(new TextDecoder().decode(b))));
        client.send(bytes("abc"));
        assertEquals(await got, "abc");
        const closed = new Promise<void>((resolve) => client.closed(resolve));
        client.close();
        await closed;
        listener.close();
      }));
  }
  it("cut off a peer that lets too much come together", () =>
    inDirectory(async (dir) => {
      const path = `${dir}/sock`;
      let sent = 0;
      const part = new Uint8Array(1 << 20);
      const cut = new Promise<void>((resolve) => {
        void eventSockets.listen({ path }, (channel) => {
          let open = true;
          channel.closed(() => {
            open = false;
            resolve();
          });
          // The runtime tells of the end in a later turn of its own.
          const more = () => {
            for (let i = 0; open && i < 16 && sent < 1 << 30; i++, sent += part.length) channel.send(part);
            if (open && sent < 1 << 30) setTimeout(more, 0);
          };
          more();
        });
      });
      const client = await eventSockets.connect({ path });
      client.pause(true);
      await cut;
      client.close();
      assert(sent < 256 << 20, `${sent} bytes were kept`);
    }));
});
