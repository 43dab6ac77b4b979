import { describe, it } from "node:test";
import process from "node:process";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const PORT = 24_000 + process.pid % 20_000;
const URL_ = `tls://127.0.0.1:${PORT}/`;
const certificate = (sh: Shell) =>
  sh.must(
    "openssl req -x509 -newkey ed25519 -nodes -days 30 -subj /CN=rump -addext subjectAltName=IP:127.0.0.1 " +
      "-keyout key.pem -out cert.pem 2>/dev/null",
  );
/** A server with a certificate, `options` besides. */
async function served(options: string, work: (sh: Shell, env: Record<string, string>) => void): Promise<void> {
  await within((sh) => {
    certificate(sh);
    sh.must(`ssh-keygen -q -t ed25519 -N '' -f me; cp me.pub keys`);
    sh.must(`rump_server -l rumpvfs --log log --tls-cert cert.pem --tls-key key.pem ${options} ${URL_}`);
    const env = { RUMP_SERVER: URL_, RUMP_TLS_CA: "cert.pem" };
    try {
      work(sh, env);
    } finally {
      sh.run("rump.halt", { ...env, RUMP_KEY: "me" });
    }
  });
}

describe("tls://", () => {
  it("files go there and back, by authority or fingerprint", () =>
    served("", (sh, env) => {
      sh.must("head -c 1000000 /dev/urandom >x; rump.cp host:x /x; rump.cat /x | cmp - x", env);
      const fingerprint = sh.must("openssl x509 -in cert.pem -noout -fingerprint -sha256").trim();
      const pinned = { RUMP_SERVER: URL_, RUMP_TLS_FINGERPRINT: fingerprint };
      assertEquals(sh.must("rump.ls /x", pinned), "/x\n");
    }));
  it("a server nobody vouches for is refused in one line, and lives", () =>
    served("", (sh, env) => {
      const r = sh.run("rump.ls /", { RUMP_SERVER: URL_ });
      assertEquals([r.status, r.out], [1, ""]);
      assertEquals(
        r.err,
        `rump_sp: ${URL_}: the server's certificate is not signed by anybody trusted: ` +
          "RUMP_TLS_CA or RUMP_TLS_FINGERPRINT says who is\nrumpclient init failed\n",
      );
      assertStringIncludes(sh.must("rump.ls /", env), "tmp");
      assertEquals(sh.must("rump.ps | grep -c rump.ls || true", env).trim(), "0");
    }));
  it("keys are proven over it", () =>
    served("--keys keys", (sh, env) => {
      assertStringIncludes(sh.run("rump.ls /", env).err, `rump_sp: ${URL_}: a key is needed`);
      assertStringIncludes(sh.must("rump.ls /", { ...env, RUMP_KEY: "me" }), "tmp");
    }));
  it("what is wrong with files and addresses is said", () =>
    within((sh) => {
      certificate(sh);
      const server = (line: string) => sh.run(`rump_server ${line}`).err.split("\n")[0];
      assertEquals(server(URL_), `rump_sp: failed to bind to URL ${URL_}`);
      assertStringIncludes(sh.run(`rump_server ${URL_}`).err, "--tls-cert, --tls-key");
      assertStringIncludes(server(`--tls-cert nosuch ${URL_}`)!, "nosuch: no such file");
      assertStringIncludes(server("--tls-cert cert.pem --tls-key key.pem tls://0.0.0.0:1/")!, "--keys says who may");
      const ls = (env: Record<string, string>) => sh.run("rump.ls /", env).err.split("\n")[0];
      assertEquals(ls({ RUMP_SERVER: URL_ }), `rump_sp: ${URL_}: connection refused`);
      assertStringIncludes(ls({ RUMP_SERVER: URL_, RUMP_TLS_CA: "key.pem" })!, "RUMP_TLS_CA: key.pem: no certificate");
      assertStringIncludes(ls({ RUMP_SERVER: URL_, RUMP_TLS_FINGERPRINT: "12" })!, "sha256: and 64 hexadecimal digits");
      assertEquals(
        ls({ RUMP_SERVER: "tcp://no-such-host.invalid:1/" }),
        "rump_sp: tcp://no-such-host.invalid:1/: no-such-host.invalid: unknown host",
      );
    }));
  it("a client of tcp:// that is hung up on without a word is asked whether it means tls://", () =>
    within((sh) => {
      const program = `import socket; s = socket.create_server(("127.0.0.1", ${PORT})); open("up", "w"); s.accept()`;
      sh.start(`python3 -c '${program}'`);
      sh.until("[ -e up ]");
      const url = `tcp://127.0.0.1:${PORT}/`;
      assertStringIncludes(
        sh.run("rump.ls /", { RUMP_SERVER: url }).err,
        `rump_sp: ${url}: protocol error (is it tls://?)`,
      );
    }));
  it("a client of tcp:// is told at once that the server speaks tls://", () =>
    served("", (sh) => {
      const RUMP_SERVER = URL_.replace("tls", "tcp");
      assertStringIncludes(sh.run("timeout 5 rump.ls /", { RUMP_SERVER }).err, "protocol error (is it tls://?)");
    }));
  it("the process that speaks TLS goes with the one it does it for", () =>
    served("", (sh, env) => {
      sh.must("rump.cat /dev/null; rump.cat /nosuch || true", env);
      assertEquals(sh.until("! pgrep -f '[r]ump.*--tls-relay' >/dev/null"), true);
    }));
});
