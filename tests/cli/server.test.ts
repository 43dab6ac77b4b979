import { describe, it } from "node:test";
import { existsSync, writeFileSync } from "node:fs";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../assert.ts";
import { within } from "./helpers.ts";

const noServer = "rumpclient init failed";
/** RUMP_SERVER, and the first line a client says (NetBSD's words; where it says nothing, the reason). */
const locators: readonly (readonly [locator: string, line: string])[] = [
  ["", "rump_sp: invalid locator ``''"],
  ["bogus", "rump_sp: invalid locator ``bogus''"],
  ["http://x", "rump_sp: invalid identifier ``http://x''"],
  ["tcp://0:1", "rump_sp_tcp: client needs !INADDR_ANY"],
  ["tcp://127.0.0.1", "rump_sp_tcp: missing port specifier"],
  ["tcp://127.0.0.1:99999", "rump_sp_tcp: port 99999 out of range"],
  ["tcp://127.0.0.1:1", "rump_sp: tcp://127.0.0.1:1: connection refused"],
  ["unix:///tmp/nosuch.sock", "rump_sp: unix:///tmp/nosuch.sock: no such file or directory"],
];

/** Connect so often, stay until the server has no descriptor left for more, and go. */
const CROWD = `
import socket
crowd = [socket.socket(socket.AF_UNIX) for _ in range(100)]
for s in crowd: s.connect("sock")
greeted = 0
for s in crowd:
    s.settimeout(1)
    try: greeted += len(s.recv(100)) > 0
    except OSError: break
print("all" if greeted == len(crowd) else "some")
`;
describe("a server without descriptors left", () => {
  it("takes connections again as soon as there are some", () =>
    within((sh) => {
      sh.must("(ulimit -n 64; rump_server unix://sock)");
      writeFileSync(`${sh.dir}/crowd.py`, CROWD);
      assertEquals(sh.must("python3 crowd.py"), "some\n");
      const RUMP_SERVER = "unix://sock";
      assertMatch(sh.must("rump.sysctl kern.ostype", { RUMP_SERVER }), /^kern.ostype = /);
      sh.must("rump.halt", { RUMP_SERVER });
    }));
});

describe("a client without a server", () => {
  it("says what is wrong with its locator, and ends with 1", () =>
    within((sh) => {
      for (const [RUMP_SERVER, line] of locators) {
        assertEquals(sh.run("rump.sysctl kern.hostname", { RUMP_SERVER }), {
          status: 1,
          out: "",
          err: `${line}\n${noServer}\n`,
        });
      }
      assertEquals(sh.run("rump.sysctl kern.hostname").err, `error: RUMP_SERVER not set\n${noServer}\n`);
    }));
});

/** Command lines that cannot work: a part of what is said, and the status. */
const refused: readonly (readonly [command: string, said: string, status: number])[] = [
  ["rump_server", "usage: rump_server ", 2],
  ["rump_server -l nosuch unix://x", "rump_server: nosuch: no such component; there are rumpvfs, ", 1],
  ["rump_server -l ./nosuch.ts unix://x", "nosuch.ts", 1],
  ["rump_server -l . unix://x", ".: is a directory", 1],
  ["echo 'let x = (' > bad.ts; rump_server -l ./bad.ts unix://x", "/bad.ts: ", 1],
  ["echo 'throw new Error(1 + 1)' > bad.ts; rump_server -l ./bad.ts unix://x", "/bad.ts: 2\n", 1],
  ["rump_server unix://$(printf %0200d 1)", "rump_sp: failed to bind to URL unix://", 1],
  ["mkdir f; rump_server -lrumpvfs -d key=/f,hostpath=f,size=host,offset=1k,type=dir unix://x", "lends all of it", 1],
  ["rump_server -d key=/x unix://x", "incomplete drivespec", 2],
  ["rump_server -d key=/x,hostpath=f,size=1k,bogus=1 unix://x", "invalid dtoken", 2],
  ["rump_server -d key=/x,hostpath=f,size=1024 unix://x", "etfs register: Function not implemented", 1],
  ["rump_allserver -d key=/x,hostpath=nosuch,size=host unix://x", "nosuch: no such file or directory", 1],
  ["rump_server bogus://", "rump_sp: invalid identifier ``bogus://''\nrump server init failed: Invalid argument", 1],
  [
    "rump_server unix:///nosuch/dir/s",
    "rump_sp: failed to bind to URL unix:///nosuch/dir/s\nrump server init failed: No such file or directory",
    1,
  ],
  ["rump_server tcp://0:7777/", "other machines could connect", 1],
  ["rump_server -z unix://x", "unknown option -- z", 2],
  ["rump nosuch", "rump: nosuch: no such applet", 2],
  ["rump --nosuch", "unknown option", 2],
];
describe("rump_server that cannot start", () => {
  it("says why on the terminal, with the status of its kind", () =>
    within((sh) => {
      for (const [command, said, status] of refused) {
        const r = sh.run(command);
        assertStringIncludes(r.err, said);
        assertEquals(r.status, status, command);
      }
      assert(!existsSync(`${sh.dir}/x`));
    }));
});

describe("rump_server", () => {
  it("comes back when the socket answers, halts on demand, and leaves nothing", () =>
    within((sh) => {
      const env = { RUMP_SERVER: "unix://sock" };
      assertEquals(sh.run("rump_server -lrumpvfs unix://sock"), { status: 0, out: "", err: "" });
      assertEquals(sh.must("rump.sysctl vfs.generic.fstypes", env), "vfs.generic.fstypes = rumpfs\n");
      assertStringIncludes(sh.run("rump_server unix://sock").err, "Address already in use");
      assertEquals(sh.run("rump.halt", env), { status: 0, out: "", err: "" });
      assert(sh.until("! [ -e sock ]"));
      assertEquals(sh.run("rump.halt", env).status, 1);
    }));
  it("without file systems has no vfs.generic.fstypes", () =>
    within((sh) => {
      sh.must("rump_server unix://sock");
      const r = sh.run("rump.sysctl vfs.generic.fstypes", { RUMP_SERVER: "unix://sock" });
      assertEquals(r, {
        status: 1,
        out: "",
        err: "rump.sysctl: second level name 'generic' in 'vfs.generic.fstypes' is invalid\n",
      });
      sh.must("rump.halt", { RUMP_SERVER: "unix://sock" });
    }));
  it("is reached over TCP as well", () =>
    within((sh) => {
      sh.must("rump_server tcp://127.0.0.1:17171/");
      const env = { RUMP_SERVER: "tcp://127.0.0.1:17171" };
      assertEquals(sh.must("rump.sysctl -n kern.ostype", env), "NetBSD\n");
      sh.must("rump.halt", env);
    }));
  it("takes over the socket of a server that was killed", () =>
    within(async (sh) => {
      const first = sh.start("rump_server -s unix://sock");
      assert(sh.until("RUMP_SERVER=unix://sock rump.sysctl -n kern.ostype"));
      first.kill("SIGKILL");
      await first.ended;
      sh.must("rump_server unix://sock && RUMP_SERVER=unix://sock rump.halt");
    }));
  it("ends on SIGTERM with everything written and status 0", () =>
    within(async (sh) => {
      sh.must("truncate -s 16M d.img && mkfs.fat d.img");
      const server = sh.start("rump_allserver -s -d key=/dev/fat,hostpath=d.img,size=host unix://sock");
      const env = { RUMP_SERVER: "unix://sock" };
      assert(sh.until("RUMP_SERVER=unix://sock rump.sysctl -n kern.ostype"));
      sh.must("rump.mkdir /m; rump.mount_msdos /dev/fat /m; rump.dd if=/dev/zero of=/m/file bs=1k count=100", env);
      server.kill("SIGTERM");
      assertEquals(await server.ended, 0);
      assert(!existsSync(`${sh.dir}/sock`));
      assertMatch(sh.must("mdir -b -i d.img; fsck.fat -n d.img"), /file/i);
    }));
  it("loads a plugin from a file, and mounts what it has", () =>
    within((sh) => {
      writeFileSync(`${sh.dir}/onefs.ts`, PLUGIN);
      const env = { RUMP_SERVER: "unix://sock" };
      sh.must("rump_server -l ./onefs.ts unix://sock");
      sh.must("rump.mkdir /mnt && rump.mount -t onefs none /mnt", env);
      assertEquals(sh.must("rump.cat /mnt/one; rump.ls /mnt", env), "1\none\n");
      assertEquals(sh.run("rump.mkdir /mnt/x", env).err, "rump.mkdir: /mnt/x: Read-only file system\n");
      sh.must("rump.halt", env);
    }));
});
const PLUGIN = `
const one = new TextEncoder().encode("1\\n");
export default { kind: "fs", name: "onefs", mount: (sys) => ({
  root: "/",
  lookup: (dir, name) => Promise.resolve(name === "one" ? one : undefined),
  readdir: () => [["one", one]],
  getattr: (n) => n === "/" ? { ino: 1, type: "dir", size: 0 } : { ino: 2, type: "file", size: n.length },
  read(n, into, offset) { const part = n.subarray(offset, offset + into.length); into.set(part); return Promise.resolve(part.length); },
}) };
`;
describe("rump", () => {
  it("lists its names, and installs links to them", () =>
    within((sh) => {
      assertStringIncludes(sh.must("rump --list"), "rump.sysctl");
      assertStringIncludes(sh.must("rump sysctl --help"), "rump.sysctl -n kern.hostname");
      const r = sh.run("rump --install there && ls there");
      if (r.status === 0) assertStringIncludes(r.out, "rump.sysctl");
      else assertStringIncludes(r.err, "compiled executable");
    }));
});

describe("a server on a network", () => {
  for (const url of ["tcp://127.0.0.1:0/", "tcp://[::1]:0/"]) {
    it(`prints where it is when any port will do (${url})`, () =>
      within((sh) => {
        const RUMP_SERVER = sh.must(`rump_server -l rumpvfs ${url}`).trim();
        assertMatch(RUMP_SERVER, /^tcp:\/\/[^/]*:[1-9]\d*\/$/);
        assertStringIncludes(sh.must("rump.ls /", { RUMP_SERVER }), "dev");
        sh.must("rump.halt", { RUMP_SERVER });
      }));
  }
  it("prints it in the foreground, too", () =>
    within(async (sh) => {
      const server = sh.start("sh -c 'exec rump_server -s tcp://127.0.0.1:0/ >where 2>log'");
      assert(sh.until("[ -s where ]"));
      sh.must("RUMP_SERVER=$(cat where) rump.halt");
      assertEquals(await server.ended, 0);
    }));
  it("that says nothing for more than a second is waited for", () =>
    within((sh) => {
      const RUMP_SERVER = sh.must("rump_server -l rumpvfs tcp://127.0.0.1:0/").trim();
      const pid = sh.must(`pgrep -nf '[r]ump_server .*tcp://127.0.0.1:0/$'`).trim();
      sh.must(`kill -STOP ${pid}; (sleep 1.5; kill -CONT ${pid}) & rump.ls / | grep dev; wait`, { RUMP_SERVER });
      sh.must("rump.halt", { RUMP_SERVER });
    }));
});
