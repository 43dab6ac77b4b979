import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { arch, platform, tmpdir } from "node:os";
import { join } from "node:path";
import { filter, hasFilter } from "../../src/host/seccomp.ts";
import { assertEquals } from "../assert.ts";

/** A process that puts the filter on itself, and says how calls end then. */
const PROGRAM = `import ctypes, os, signal, socket, sys, threading
code = open(sys.argv[1], "rb").read()
libc = ctypes.CDLL(None, use_errno=True); code = ctypes.create_string_buffer(code, len(code))
class Prog(ctypes.Structure): _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
prog = Prog(len(code) // 8, ctypes.addressof(code))
calls = {
  "open": lambda: os.open("/etc/passwd", 0), "socket": lambda: socket.socket(socket.AF_INET), "unix": lambda: socket.socket(socket.AF_UNIX),
  "unlink": lambda: os.unlink("/nosuch"), "kill": lambda: os.kill(1, 0), "fork": lambda: os.fork(), "chmod": lambda: os.chmod("/", 0o755),
  "write": lambda: os.write(2, b""), "thread": lambda: (lambda t: (t.start(), t.join()))(threading.Thread(target=lambda: None)),
  "exec": lambda: os.execv("/bin/true", ["true"]), "mount": lambda: libc.umount2(b"/nosuch", 0), "trace": lambda: libc.ptrace(0, 0, 0, 0),
  "setuid": lambda: os.setuid(0),
}
work = calls[sys.argv[2]]
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(prog)) == 0
try: work(); print("done")
except OSError as e: print(e.strerror)
except RuntimeError as e: print("cannot start a thread")
`;
const machine = arch();
const skip = platform() !== "linux" || !hasFilter(machine) ? "no filter for this machine" : false;

describe("the seccomp filter", { skip }, () => {
  const run = (call: string): string => {
    const dir = mkdtempSync(join(tmpdir(), "rump-seccomp-"));
    try {
      writeFileSync(`${dir}/filter`, filter(machine as "x64" | "arm64", 0));
      writeFileSync(`${dir}/program.py`, PROGRAM);
      const r = spawnSync("python3", [`${dir}/program.py`, `${dir}/filter`, call], { encoding: "utf8" });
      return r.signal ?? (r.stdout.trim() || r.stderr);
    } finally {
      rmSync(dir, { recursive: true });
    }
  };
  for (const call of ["open", "socket", "unix", "unlink", "kill", "fork", "chmod"]) {
    it(`refuses ${call}`, () => assertEquals(run(call), "Operation not permitted"));
  }
  for (const call of ["write", "thread"]) it(`lets ${call} go on`, () => assertEquals(run(call), "done"));
  for (const call of ["exec", "mount", "trace", "setuid"]) {
    it(`ends the process at ${call}`, () => assertEquals(run(call), "SIGSYS"));
  }
});
