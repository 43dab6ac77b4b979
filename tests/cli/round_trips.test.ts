import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "../assert.ts";
import { type Shell, within } from "./helpers.ts";

const env = { RUMP_SERVER: "unix://sock" };
/** Requests a command makes of the server. */
function requests(sh: Shell, command: string): number {
  const asked = () => Number(sh.must("rump.sysctl -n rump.sp.requests", env));
  const [a, b] = [asked(), asked()];
  sh.must(command, env);
  return asked() - b - (b - a);
}
const served = (work: (sh: Shell) => void) =>
  within((sh) => {
    sh.must("rump_server -l rumpvfs unix://sock");
    work(sh);
    sh.must("rump.halt", env);
  });

describe("round trips", () => {
  it("rump.cat of a small file takes one", () =>
    served((sh) => {
      sh.must("echo hello >x && rump.cp host:x /x", env);
      assertEquals(requests(sh, "[ $(rump.cat /x) = hello ]"), 1);
    }));
  it("rump.cat and rump.cp of a long file move all of it", () =>
    served((sh) => {
      sh.must("head -c 3000001 /dev/urandom >x && rump.cp host:x /x && rump.cat /x | cmp - x", env);
      for (const size of [0, 1, 65535, 65536, 65537]) {
        sh.must(
          `head -c ${size} x >y && rump.cp host:y /y && rump.cat /y | cmp - y && rump.cp /y host:z && cmp y z`,
          env,
        );
      }
    }));
  it("copying a small file into the kernel takes three: what is there, twice, and the file", () =>
    served((sh) => {
      sh.must("echo hello >x", env);
      assertEquals(requests(sh, "rump.cp host:x /x"), 3);
    }));
  it("rump.ls -l of a hundred files takes four", () =>
    served((sh) => {
      sh.must("mkdir d; cd d; touch $(seq 100); cd ..; rump.cp -R host:d /", env);
      assertEquals(requests(sh, "[ $(rump.ls -l /d | wc -l) = 101 ]"), 4);
    }));
  it("rump.rm -r looks at what it removes by the directory", () =>
    served((sh) => {
      sh.must("mkdir d; cd d; touch $(seq 50); mkdir e; touch e/x; cd ..; rump.cp -R host:d /", env);
      assertEquals(requests(sh, "rump.rm -r /d"), 1 + (2 + 50) + (2 + 1 + 1) + 1);
    }));
  it("a directory of thousands is listed whole", () =>
    served((sh) => {
      sh.must("mkdir d; cd d; touch $(seq -f a-rather-long-name-for-a-file-%g 3000); cd ..; rump.cp -R host:d /", env);
      assertEquals(sh.must("rump.ls /d | wc -l", env).trim(), "3000");
    }));
  it("a directory, a device and what is not there say so as before", () =>
    served((sh) => {
      sh.must("rump.mkdir /d", env);
      assertEquals(sh.run("rump.cat /d", env).err, "rump.cat: /d: Is a directory\n");
      assertEquals(sh.run("rump.cat /nosuch", env).err, "rump.cat: /nosuch: No such file or directory\n");
      assertEquals(requests(sh, "rump.cat /dev/null"), 4);
      sh.must("rump.cp /dev/null host:empty || true; echo x >x", env);
      const r = sh.run("rump.cp host:x /nosuch/x; rump.cp host:x /d/", env);
      assertStringIncludes(r.err, "rump.cp: /nosuch/x: No such file or directory");
      assertEquals(sh.must("rump.cat /d/x", env), "x\n");
    }));
});
