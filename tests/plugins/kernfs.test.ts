/** kernfs and procfs: what they show is what the kernel says elsewhere. */
import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import kernfs from "../../plugins/fs_kernfs/mod.ts";
import procfs from "../../plugins/fs_procfs/mod.ts";
import { encodeMountArgs } from "../../src/abi/mount_args.ts";
import { O_CREAT, O_RDWR, O_TRUNC, O_WRONLY } from "../../src/abi/flags.ts";
import { refused } from "../../src/conformance/claim.ts";
import { rumpList } from "../../src/cmd/files.ts";
import type { Calls } from "../../src/kern/dispatch.ts";
import { decodeName } from "../../src/lib/text.ts";
import type { SyncCalls } from "../../src/proxy/stubs.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { conformance } from "../conformance/fs.ts";
import { fakeKernel } from "../kern/fake.ts";

// Its one file that can be written makes no place for others.
conformance({
  ...kernfs,
  readOnly: true,
  mount: async (sys, device, request) => ({ ...await kernfs.mount(sys, device, request), readOnly: true }),
});
conformance(procfs, {});

async function get(sys: Calls, path: string): Promise<string> {
  const fd = await sys.open({ path, flags: 0 });
  const buf = new Uint8Array(10_000);
  const n = await sys.read({ fd, buf });
  await sys.close({ fd });
  return decodeName(buf.subarray(0, n));
}
async function readlink(sys: Calls, path: string): Promise<string> {
  const buf = new Uint8Array(1024);
  return decodeName(buf.subarray(0, await sys.readlink({ path, buf })));
}
const list = (sys: Calls, path: string) => rumpList(sys as unknown as SyncCalls, path).sort();
const code = (work: () => unknown) => refused((async () => await work())());

/** /kern, /proc, and with Linux' words /lproc. */
async function shown() {
  const made = await fakeKernel({ builtins, components: ["rumpvfs", "kernfs", "procfs", "tmpfs"] });
  const { sys } = made;
  const over = { uid: 0, gid: 0, mode: 0o755 };
  for (
    const [type, path, options] of [["kernfs", "/kern", {}], ["procfs", "/proc", {}], ["procfs", "/lproc", {
      linux: true,
    }]] as const
  ) {
    await sys.mkdir({ path, mode: 0o755 });
    await sys.mount({ type, path, flags: 0, data: encodeMountArgs(type, options, over) });
  }
  return made;
}
describe("kernfs", () => {
  it("shows what the kernel's variables say", async () => {
    const { sys, host, kernel } = await shown();
    host.clock += 61_250.5;
    kernel.log.write("something happened");
    const boot = Date.UTC(2026, 10, 23, 8, 5) / 1000;
    const expected = {
      boottime: `${boot}\n`,
      hostname: "rump-fake\n",
      hz: "100\n",
      loadavg: "1024 512 256 2048\n",
      msgbuf: kernel.log.lines.map((line) => `${line}\n`).join(""),
      pagesize: "4096\n",
      physmem: `${2 ** 33 / 4096}\n`,
      time: `${boot + 61} 250500\n`,
      version: `${kernel.tree.find("kern.version")!.read(0)}`,
    };
    assertMatch(expected.msgbuf, /something happened/);
    for (const [name, text] of Object.entries(expected)) assertEquals(await get(sys, `/kern/${name}`), text, name);
    assertEquals(list(sys, "/kern"), [...Object.keys(expected), "copyright"].sort());
  });
  it("sets the host name, as sysctl does, and nothing else", async () => {
    const { sys, kernel } = await shown();
    const set = async (name: string, text: string) => {
      const fd = await sys.open({ path: `/kern/${name}`, flags: O_WRONLY | O_TRUNC });
      return await sys.write({ fd, buf: new TextEncoder().encode(text) });
    };
    assertEquals(await set("hostname", "other\n"), 6);
    assertEquals([kernel.tree.find("kern.hostname")!.read(0), await get(sys, "/kern/hostname")], ["other", "other\n"]);
    assertEquals(
      [
        await code(() => set("hostname", "\n")),
        await code(() => set("hostname", "a\nb")),
        await code(() => set("hz", "1")),
      ],
      ["EINVAL", "EINVAL", "EPERM"],
    );
    assertEquals(await code(() => sys.unlink({ path: "/kern/hz" })), "EOPNOTSUPP");
  });
  it("is mounted without arguments, too, as mount_kernfs(8) does", async () => {
    const { sys } = await shown();
    await sys.mkdir({ path: "/k2", mode: 0o755 });
    await sys.mount({ type: "kernfs", path: "/k2", flags: 0 });
    assertEquals(await get(sys, "/k2/hz"), "100\n");
  });
});
describe("procfs", () => {
  it("has a directory for every process, with its line of status", async () => {
    const { sys, kernel } = await shown();
    const proc = kernel.fork("a program", { uid: 7, euid: 8, gid: 9, egid: 10, groups: [10, 11] });
    const { pid } = proc;
    assert(list(sys, "/proc").includes(String(pid)), "listed");
    assertEquals(
      await get(sys, `/proc/${pid}/status`),
      `a_program ${pid} 1 ${pid} ${pid} -1,-1 sldr ${Date.UTC(2026, 10, 23, 8, 5) / 1000},0 0,0 0,0 nochan 8,10,11\n`,
    );
    assertEquals(await get(sys, `/proc/${pid}/cmdline`), "a program\0");
    await kernel.procs.exit(proc);
    assertEquals([await code(() => get(sys, `/proc/${pid}/status`)), list(sys, "/proc").includes(String(pid))], [
      "ENOENT",
      false,
    ]);
  });
  it("leads everybody to himself, and shows where he stands and what he has open", async () => {
    const { sys, kernel, lwp } = await shown();
    const other = kernel.fork("other");
    const calls = kernel.calls(other);
    assertEquals([await readlink(sys, "/proc/curproc"), await readlink(calls, "/proc/curproc")], [
      `${lwp.proc.pid}`,
      `${other.pid}`,
    ]);
    await sys.mkdir({ path: "/tmp/d", mode: 0o755 });
    await calls.chdir({ path: "/tmp/d" });
    const fd = await calls.open({ path: "f", flags: O_CREAT | O_RDWR, mode: 0o644 });
    assertEquals([await readlink(calls, "/proc/self/cwd"), await readlink(sys, `/proc/${other.pid}/fd/${fd}`)], [
      "/tmp/d",
      "file:[f]",
    ]);
  });
  it("with `linux` has the system's files, which agree with the kernel", async () => {
    const { sys, host } = await shown();
    host.clock += 12_345;
    assertEquals(await get(sys, "/lproc/uptime"), "12.35 0.00\n".replace("12.35", (12.345).toFixed(2)));
    assertMatch(await get(sys, "/lproc/meminfo"), /^MemTotal: +8388608 kB\nMemFree: /);
    assertMatch(
      await get(sys, "/lproc/mounts"),
      /^rumpfs \/ rumpfs rw 0 0\nkernfs \/kern kernfs rw 0 0\nprocfs \/proc procfs ro 0 0\n/,
    );
    assertMatch(await get(sys, "/lproc/loadavg"), /^0\.50 0\.25 0\.13 \d+\/\d+ \d+\n$/);
    assertMatch(await get(sys, "/lproc/self/stat"), /^\d+ \(test\) R 1 \d+ \d+ /);
    assertMatch(await get(sys, "/lproc/self/status"), /^Name:\ttest\n/);
    assertEquals(await code(() => get(sys, "/proc/meminfo")), "ENOENT");
  });
  it("cannot be written", async () => {
    const { sys } = await shown();
    assertEquals(await code(() => sys.open({ path: "/proc/1/status", flags: O_WRONLY })), "EROFS");
  });
});
