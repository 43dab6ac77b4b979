import type { Calls } from "../../src/kern/dispatch.ts";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { host } from "../../src/host/mod.ts";
import { parseAllow, parseKeys } from "../../src/proxy/admission.ts";
import { identityIn } from "../../src/proxy/attach.ts";
import { pipelinedClient, Refused } from "../../src/proxy/client.ts";
import { encodeFrame } from "../../src/proxy/encode.ts";
import { decodeFrame } from "../../src/proxy/decode.ts";
import { Frames, MAGIC } from "../../src/proxy/frame.ts";
import { parseGrant } from "../../src/proxy/grants.ts";
import { KeyError, parseKeyLine, parsePrivateKey } from "../../src/proxy/ssh_keys.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { served } from "./helpers.ts";

const dir = mkdtempSync(`${tmpdir()}/rump-keys-`);
after(() => rmSync(dir, { recursive: true }));
/** A key of ssh-keygen's: its identity and its public line. */
function keygen(name: string, ...how: string[]) {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", `${dir}/${name}`, ...how]);
  return { path: `${dir}/${name}`, line: readFileSync(`${dir}/${name}.pub`, "utf8").trim() };
}
const me = keygen("me");
const other = keygen("other");
const identity = identityIn(host, me.path);

describe("keys of ssh-keygen", () => {
  it("a line has options, a key and a comment", () => {
    const line = parseKeyLine(`ro,syscalls="open,read" ${me.line}`)!;
    assertEquals([line.options, line.comment, line.publicKey], ['ro,syscalls="open,read"', "me", identity.publicKey]);
    assertEquals([parseKeyLine("  "), parseKeyLine("# x"), parseKeyLine(me.line)!.options], [undefined, undefined, ""]);
  });
  it("what is none is refused with its line", () => {
    for (const bad of ["ssh-rsa AAAA x", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !!!", `nosuch ${me.line}`]) {
      assertThrows(() => parseKeys(`# first\n${bad}\n`), KeyError, "line 2: ");
    }
  });
  it("private keys: a passphrase, damage and cuts are told, whatever the byte", () => {
    const text = readFileSync(me.path, "utf8");
    const locked = keygen("locked", "-N", "secret");
    assertThrows(() => parsePrivateKey(readFileSync(locked.path, "utf8")), KeyError, "passphrase");
    assertThrows(() => identityIn(host, locked.path), KeyError, locked.path);
    const body = text.split("\n").slice(1, -2).join("");
    const wrap = (b: string) => `-----BEGIN OPENSSH PRIVATE KEY-----\n${b}\n-----END OPENSSH PRIVATE KEY-----\n`;
    assertEquals(parsePrivateKey(wrap(body)).publicKey, identity.publicKey);
    for (let n = 0; n < body.length - 60; n += 4) assertThrows(() => parsePrivateKey(wrap(body.slice(0, n))), KeyError);
  });
  it("sign and verify agree, and no other message or key does", () => {
    const message = new Uint8Array([1, 2, 3]);
    const signature = identity.sign(message);
    assert(host.verify(identity.publicKey, message, signature));
    assert(!host.verify(identity.publicKey, new Uint8Array([1, 2, 4]), signature));
    assert(!host.verify(identityIn(host, other.path).publicKey, message, signature));
    assert(!host.verify(identity.publicKey, message, new Uint8Array(3)));
  });
});

describe("who may come in", () => {
  it("over a network with keys: one that is proven, and nobody else", async () => {
    const { dial, kernel } = await served({ policy: { keys: parseKeys(me.line) } }, true);
    const { sys } = await pipelinedClient(dial(), "me", { identity });
    assertEquals(await sys.getuid(), [0, 0]);
    await assertRejects(() => pipelinedClient(dial(), "x"), Refused, "a key is needed: RUMP_KEY names its file");
    await assertRejects(
      () => pipelinedClient(dial(), "x", { identity: identityIn(host, other.path) }),
      Refused,
      "this key may not use this server",
    );
    const liar = { publicKey: identity.publicKey, sign: () => new Uint8Array(64) };
    await assertRejects(() => pipelinedClient(dial(), "x", { identity: liar }), Refused, "the key is not proven");
    assertEquals(kernel.log.lines.filter((l) => l.includes("key")).length, 3);
  });
  it("a proof is of use once, and to one server", async () => {
    const { dial } = await served({ policy: { keys: parseKeys(me.line) } }, true);
    let proof: Uint8Array | undefined;
    const noting = { ...identity, sign: (m: Uint8Array) => (proof = identity.sign(m)) };
    await pipelinedClient(dial(), "x", { identity: noting });
    const replay = { ...identity, sign: () => proof! };
    await assertRejects(() => pipelinedClient(dial(), "x", { identity: replay }), Refused, "not proven");
  });
  it("over tls:// a proof is bound to the certificate both ends know", async () => {
    const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const { dial } = await served({ policy: { keys: parseKeys(me.line) } }, true);
    const come = (mine?: Uint8Array, theirs?: Uint8Array) => pipelinedClient(dial(0, theirs, mine), "x", { identity });
    assertEquals(await (await come(one, one)).sys.getuid(), [0, 0]);
    await assertRejects(() => come(one, two), Refused, "not proven"); // somebody in between
    await assertRejects(() => come(undefined, two), Refused, "not proven"); // who was asked over tcp://
    await assertRejects(() => come(one, undefined), Refused, "not proven");
  });
  it("a NetBSD client has no key: it is turned away", async () => {
    const { dial, server } = await served({ policy: { keys: parseKeys(me.line) } }, true);
    const c = dial();
    c.receive(() => {});
    const guest = new Uint8Array(28);
    guest[0] = 28;
    c.send(guest);
    assertEquals(server.clients.size, 0);
  });
  it("on this machine: the owner and root; others as they are, where allowed", async () => {
    const allow = new Map([parseAllow("uid=1001"), parseAllow("uid=1002,as=0,ro")]);
    const { dial, kernel } = await served({ policy: { uid: 1000, allow } });
    const uid = async (peer: number) => await (await pipelinedClient(dial(peer), "x")).sys.getuid();
    assertEquals([await uid(1000), await uid(0), await uid(1001), await uid(1002)], [[0, 0], [0, 0], [1001, 1001], [
      0,
      0,
    ]]);
    await assertRejects(() => uid(1003), Refused, "uid 1003 may not use this server");
    assert(kernel.log.lines.some((l) => l.includes("uid 1003 may not use this server")));
  });
  it("frames out of turn while a key is asked for end the connection", async () => {
    const { dial, server } = await served({ policy: { keys: parseKeys(me.line) } }, true);
    for (const then of [[1, 20], [1, "x", identity.publicKey], []]) {
      const c = dial();
      const said: unknown[][] = [];
      const frames = new Frames((body) => said.push(decodeFrame(body.slice())!) > 0);
      let banner = true;
      c.receive((bytes) => (banner ? void (banner = false) : void frames.push(bytes)));
      c.send(MAGIC, ...encodeFrame([1, "x", identity.publicKey]));
      c.send(...encodeFrame(then));
      assertEquals(said.map((f) => f[1]), [errno.ENEEDAUTH.errno, errno.EAUTH.errno]);
      assertEquals(server.clients.size, 0);
    }
  });
});

describe("what a client may do", () => {
  let root: Calls;
  const as = async (options: string) => {
    const { dial, kernel } = await served({ policy: { keys: parseKeys(`${options} ${me.line}`) } }, true);
    root = kernel.calls(kernel.fork("root"));
    root.mkdir({ path: "/pub", mode: 0o777 });
    root.chmod({ path: "/pub", mode: 0o777 });
    root.open({ path: "/pub/x", flags: 0x202, mode: 0o644 });
    return await pipelinedClient(dial(), "x", { identity });
  };
  it("uid= and gid= are its user and group", async () => {
    const { sys } = await as("uid=1000,gid=100");
    assertEquals([await sys.getuid(), await sys.getgid()], [[1000, 1000], [100, 100]]);
    await assertRejects(() => sys.open({ path: "/nope", flags: 0x201, mode: 0o644 }), SysError, "Permission denied");
    await assertRejects(() => sys.setuid({ uid: 0 }), SysError, "not permitted");
  });
  it("ro: everything is read, nothing is changed", async () => {
    const { sys } = await as("ro");
    assertEquals(await sys.open({ path: "/pub/x", flags: 0 }), 3);
    const erofs = [
      () => sys.open({ path: "/pub/x", flags: 1 }),
      () => sys.open({ path: "/pub/y", flags: 0x200, mode: 0o644 }),
      () => sys.openat({ fd: 3, path: "/pub/x", oflags: 0x400 }),
      () => sys.unlink({ path: "/pub/x" }),
      () => sys.rename({ from: "/pub/x", to: "/pub/y" }),
      () => sys.fchmod({ fd: 3, mode: 0 }),
      () => sys.access({ path: "/pub/x", flags: 2 }),
    ];
    for (const call of erofs) await assertRejects(call, SysError, "Read-only");
    await assertRejects(() => sys.reboot({ opt: 0 }), SysError, "not permitted");
  });
  it("syscalls= are the only ones there are", async () => {
    const { sys } = await as('syscalls="getpid,stat"');
    assertEquals((await sys.getpid()).length, 2);
    assertEquals(await sys.stat({ path: "/pub", ub: new Uint8Array(152) }), 0);
    await assertRejects(() => sys.open({ path: "/pub/x", flags: 0 }), SysError, "not permitted");
  });
  it("path= is its root, and there is no way out", async () => {
    const { sys } = await as("path=/pub");
    assertEquals(await sys.stat({ path: "/x", ub: new Uint8Array(152) }), 0);
    await assertRejects(() => sys.stat({ path: "/../pub", ub: new Uint8Array(152) }), SysError, "No such file");
    await assertRejects(() => sys.chroot({ path: "/" }), SysError, "not permitted");
    await assertRejects(() => sys.mknod({ path: "/dev", mode: 0o60000, dev: 0 }), SysError, "not permitted");
    const [name, newp] = [new Uint8Array(new Int32Array([1, 10]).buffer), new Uint8Array(4)];
    await assertRejects(() => sys.__sysctl({ name, newp }), SysError, "not permitted");
    await assertRejects(() => sys.fktrace({ fd: 1, ops: 4, facs: 2, pid: 1 }), SysError, "not permitted");
    await assertRejects(() => as("path=/nosuch"), Refused, "path /nosuch: No such file or directory");
  });
  it("path= holds for a directory that was moved out of it while the client was in it", async () => {
    const { sys } = await as("path=/pub");
    await sys.mkdir({ path: "/a", mode: 0o777 });
    await sys.mkdir({ path: "/a/b", mode: 0o777 });
    await sys.chdir({ path: "/a/b" });
    const fd = await sys.open({ path: "/a", flags: 0 });
    await sys.chdir({ path: ".." });
    await sys.chdir({ path: "b" });
    await root.rename({ from: "/pub/a", to: "/tmp/a" });
    for (const path of ["../..", "../../pub/x", "../../../tmp"]) {
      await assertRejects(() => sys.stat({ path, ub: new Uint8Array(152) }), SysError, "No such file");
    }
    await assertRejects(
      () => sys.fstatat({ fd, path: "../tmp", buf: new Uint8Array(152), flag: 0 }),
      SysError,
      "No such",
    );
    assertEquals(await sys.stat({ path: "/x", ub: new Uint8Array(152) }), 0);
    await sys.chdir({ path: "/" });
    assertEquals(await sys.stat({ path: "../../x", ub: new Uint8Array(152) }), 0);
  });
  it("options nobody knows, and values that are none, are named", () => {
    for (const bad of ["rw", "uid=", "uid=x", "ro=1", "path=pub", "syscalls=nosuch", "syscalls="]) {
      assertThrows(() => parseGrant(bad), Error, `bad option ${bad}`);
    }
    assertThrows(() => parseAllow("1000"), Error, "uid=NUMBER");
  });
});
