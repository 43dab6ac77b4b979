/** The library in a program of somebody else's, in a directory of its own. */
import { symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { isDeno, type Shell, within } from "./helpers.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const PROGRAM = `
import { connectSync } from "rump";
import { O_CREAT, O_RDWR } from "rump/abi";
import { readFileSync } from "node:fs";
const locator = process.argv[2];
const trust = process.argv[3] ? { ca: readFileSync(process.argv[3], "utf8") } : {};
try {
  const { sys, batch, close } = connectSync(locator, "mine", { trust });
  const fd = sys.open({ path: "/x", flags: O_CREAT | O_RDWR, mode: 0o644 });
  for (let i = 0; i < 100; i++) sys.write({ fd, buf: new Uint8Array([i]) });
  const buf = new Uint8Array(200);
  const read = batch((b) => (b.lseek({ fd, offset: 0, whence: 0 }), b.read({ fd, buf })));
  console.log(read.value, buf[99]);
  close();
} catch (e) {
  console.log(String(e));
}
`;
/** A command line that runs the program, in a directory where it finds us as packages are found. */
function installed(sh: Shell): string {
  writeFileSync(`${sh.dir}/program.ts`, isDeno ? `import process from "node:process";${PROGRAM}` : PROGRAM);
  if (isDeno) return `'${process.execPath}' run -A --no-check --no-lock --config ${root}/deno.json program.ts`;
  symlinkSync(root, `${sh.mkdir("node_modules")}/rump`);
  return `'${process.execPath}' program.ts`;
}
const PORT = 24_000 + process.pid % 20_000;

describe("connectSync in a program", () => {
  it("makes calls that block over unix://", () =>
    within((sh) => {
      const program = installed(sh);
      sh.must("rump_server -l rumpvfs unix://sock");
      assertEquals(sh.must(`${program} unix://sock`), "100 99\n");
      sh.must("rump.halt", { RUMP_SERVER: "unix://sock" });
    }));
  it("and over tls://, where it says why it cannot", () =>
    within((sh) => {
      const program = installed(sh);
      sh.must(
        "openssl req -x509 -newkey ed25519 -nodes -days 30 -subj /CN=rump -addext subjectAltName=IP:127.0.0.1 " +
          "-keyout key.pem -out cert.pem 2>/dev/null",
      );
      const url = `tls://127.0.0.1:${PORT}/`;
      sh.must(`rump_server -l rumpvfs --tls-cert cert.pem --tls-key key.pem ${url}`);
      assertEquals(sh.must(`${program} ${url} cert.pem`), "100 99\n");
      assertStringIncludes(sh.must(`${program} ${url}`), "not signed by anybody trusted");
      sh.must("rump.halt", { RUMP_SERVER: url, RUMP_TLS_CA: "cert.pem" });
    }));
  it("says who is not there", () =>
    within((sh) => {
      const program = installed(sh);
      assertStringIncludes(sh.must(`${program} unix://nobody`), "no such file or directory");
    }));
});
