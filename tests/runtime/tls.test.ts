import { Buffer } from "node:buffer";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as dial, createServer, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { tmpdir } from "node:os";
import process from "node:process";
import { host } from "../../src/host/mod.ts";
import { addressesOf } from "../../src/host/resolve.ts";
import type { Channel, Security } from "../../src/plugin.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";

const { tls } = host.eventSockets;
const PORT = 21_000 + process.pid % 20_000;
const at = { host: "127.0.0.1", port: PORT };
let dir: string;
const file = (name: string) => readFileSync(`${dir}/${name}`, "utf8");
const openssl = (...args: string[]) => {
  const r = spawnSync("openssl", args, { cwd: dir, encoding: "utf8" });
  if (r.status !== 0) throw new Error(r.stderr);
  return r.stdout;
};
/** Certificates: of the address, of another name, of yesterday. */
function make(): void {
  const certificate = (name: string, san: string) =>
    openssl(
      ..."req -x509 -key key.pem -days 30 -subj /CN=rump -addext".split(" "),
      `subjectAltName=${san}`,
      "-out",
      name,
    );
  openssl(..."ecparam -name prime256v1 -genkey -noout -out key.pem".split(" "));
  certificate("cert.pem", "IP:127.0.0.1");
  certificate("other.pem", "DNS:other.example");
  openssl(..."req -new -key key.pem -subj /CN=rump -addext subjectAltName=IP:127.0.0.1 -out old.csr".split(" "));
  openssl(..."x509 -req -in old.csr -signkey key.pem -copy_extensions copy -days -1 -out old.pem".split(" "));
}
const fingerprint = (cert: string) =>
  Uint8Array.from(
    openssl("x509", "-in", cert, "-noout", "-fingerprint", "-sha256").trim().split("=")[1]!.split(":"),
    (x) => parseInt(x, 16),
  );

/** A server that sends back what it gets, and what it says of those it turned away. */
async function served<T>(cert: string, work: (said: string[]) => Promise<T>, more: Security = {}): Promise<T> {
  const said: string[] = [];
  const accept = (c: Channel) => c.receive((b) => void c.send(b));
  const turnedAway = (_peer: string, why: string) => void said.push(why);
  const listener = await tls.listen(at, { cert: file(cert), key: file("key.pem"), ...more }, { accept, turnedAway });
  try {
    return await work(said);
  } finally {
    listener.close();
  }
}
async function echoed(c: Channel): Promise<string> {
  const answer = new Promise<string>((resolve) => c.receive((b) => resolve(new TextDecoder().decode(b))));
  c.send(new TextEncoder().encode("hel"), new TextEncoder().encode("lo"));
  try {
    return await answer;
  } finally {
    c.close();
  }
}
const until = async (what: () => boolean) => {
  for (let i = 0; i < 500 && !what(); i++) await new Promise((r) => setTimeout(r, 10));
  return what();
};

describe("TLS", () => {
  before(() => {
    dir = mkdtempSync(`${tmpdir()}/rump-tls-`);
    make();
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("a server whose authority is believed is talked to; both ends agree on its certificate", () =>
    served("cert.pem", async () => {
      const c = await tls.connect(at, { ca: file("cert.pem") });
      assertEquals([c.binding, await echoed(c)], [fingerprint("cert.pem"), "hello"]);
    }));
  it("by its fingerprint a certificate is believed whatever its name and date", async () => {
    for (const cert of ["cert.pem", "other.pem", "old.pem"]) {
      await served(cert, async () => {
        assertEquals(await echoed(await tls.connect(at, { fingerprint: fingerprint(cert) })), "hello");
      });
    }
  });
  const refused: readonly [name: string, cert: string, trust: () => Security, why: string][] = [
    ["nobody trusted has signed it", "cert.pem", () => ({}), "not signed by anybody trusted"],
    ["another authority is believed", "cert.pem", () => ({ ca: file("other.pem") }), "not signed by anybody trusted"],
    ["it is another's", "other.pem", () => ({ ca: file("other.pem") }), "is for another name"],
    ["its time is over", "old.pem", () => ({ ca: file("old.pem") }), "has expired"],
    ["its fingerprint is another", "cert.pem", () => ({ fingerprint: new Uint8Array(32) }), "certificate is sha256:"],
  ];
  for (const [name, cert, trust, why] of refused) {
    it(`a server is not believed when ${name}`, () =>
      served(cert, async () => void (await assertRejects(() => tls.connect(at, trust()), Error, why))));
  }
  it("a server that has the certificate, but not its key, is refused", async () => {
    const key = Buffer.from(file("key.pem").split("-----")[2]!, "base64");
    key[key.indexOf(Buffer.from([4, 32])) + 9]! ^= 0x55; // the secret number; the public one beside it stays
    const pem = (b: Buffer) =>
      `-----BEGIN EC PRIVATE KEY-----\n${b.toString("base64")}\n-----END EC PRIVATE KEY-----\n`;
    writeFileSync(`${dir}/false.pem`, pem(key));
    const args = ["s_server", "-accept", `127.0.0.1:${PORT}`, "-cert", "cert.pem", "-key", "false.pem", "-quiet"];
    const liar = spawn("openssl", args, { cwd: dir, stdio: ["pipe", "ignore", "ignore"] });
    try {
      const answers = () => spawnSync("sh", ["-c", `ss -ltn 2>/dev/null | grep -q :${PORT} || exit 1`]).status === 0;
      await until(answers);
      const why = await tls.connect(at, { fingerprint: fingerprint("cert.pem") }).then(
        () => "believed",
        (e: Error) => e.message,
      );
      assert(why !== "believed" && why !== "Connection refused", why);
    } finally {
      liar.kill("SIGKILL");
      await new Promise((resolve) => liar.on("close", resolve));
    }
  });
  it("who does not speak TLS is told so, on both sides", () =>
    served("cert.pem", async (said) => {
      const plain = dial(PORT, "127.0.0.1", () => plain.write("RUMPCBOR and more"));
      await new Promise((resolve) => plain.on("close", resolve).on("error", () => {}).resume());
      assert(await until(() => said.length > 0));
      assertEquals(said, ["the other side does not speak TLS"]);
      const banner = createServer((s: Socket) => void s.on("error", () => {}).write("RUMPSP-0.4-rump/amd64\n"));
      await new Promise<void>((resolve) => void banner.listen(PORT + 1, "127.0.0.1", resolve));
      const asked = () => tls.connect({ ...at, port: PORT + 1 }, { ca: file("cert.pem") });
      await assertRejects(asked, Error, "does not speak TLS");
      banner.close();
    }));
  it("a handshake that never ends is ended, by the server", () =>
    served("cert.pem", async (said) => {
      const silent = dial(PORT, "127.0.0.1");
      await new Promise((resolve) => silent.on("close", resolve).on("error", () => {}).resume());
      assertEquals(said, ["no handshake in time"]);
    }, { handshakeMs: 200 }));
  it("a handshake that never ends is ended, by the client", async () => {
    const mute = createServer((s: Socket) => void s.on("error", () => {}).resume());
    await new Promise<void>((resolve) => void mute.listen(PORT, "127.0.0.1", resolve));
    await assertRejects(
      () => tls.connect(at, { ca: file("cert.pem"), handshakeMs: 200 }),
      Error,
      "no handshake in time",
    );
    mute.close();
  });
  it("junk ends its own connection only", () =>
    served("cert.pem", async () => {
      for (let i = 0; i < 30; i++) {
        const junk = dial(PORT, "127.0.0.1");
        junk.on("error", () => {}).resume();
        const bytes = crypto.getRandomValues(new Uint8Array(300));
        if (i % 2) bytes.set([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]); // as a ClientHello begins
        junk.write(bytes);
        if (i % 3) junk.end();
      }
      assertEquals(await echoed(await tls.connect(at, { ca: file("cert.pem") })), "hello");
    }));
  it("hundreds who only connect keep nobody out", () =>
    served("cert.pem", async () => {
      const idle = Array.from({ length: 300 }, () => dial(PORT, "127.0.0.1").on("error", () => {}).resume());
      await Promise.all(idle.map((s) => new Promise((resolve) => s.on("connect", resolve))));
      assertEquals(await echoed(await tls.connect(at, { ca: file("cert.pem") })), "hello");
      assert(await until(() => idle.filter((s) => s.destroyed || s.readableEnded).length >= 40));
      for (const s of idle) s.destroy();
    }));
  it("only TLS 1.3 is spoken", () =>
    served("cert.pem", async () => {
      const old = spawn("openssl", ["s_client", "-tls1_2", "-connect", `127.0.0.1:${PORT}`], { stdio: "ignore" });
      assertEquals(await new Promise((resolve) => old.on("close", resolve)), 1);
    }));
  it("a certificate and key that do not belong together, or are none, are refused", async () => {
    openssl(..."ecparam -name prime256v1 -genkey -noout -out another.pem".split(" "));
    const listen = (security: Security) => () => tls.listen(at, security, { accept() {}, turnedAway() {} });
    const [cert, key] = [file("cert.pem"), file("key.pem")];
    await assertRejects(listen({ cert, key: file("another.pem") }), Error, "the key is not that of the certificate");
    await assertRejects(listen({ cert: "x", key }), Error, "no certificate (PEM)");
    await assertRejects(listen({ cert, key: "x" }), Error, "no private key");
    await assertRejects(listen({ cert }), Error, "--tls-cert, --tls-key");
  });
  it("names are looked up", () => {
    const found = addressesOf("localhost");
    assert(found.includes("127.0.0.1") || found.includes("::1"), found.join());
    assertEquals(addressesOf("no-such-host.invalid"), []);
  });
});
