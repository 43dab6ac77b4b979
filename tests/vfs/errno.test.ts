import { describe, it } from "node:test";
import { SysError } from "../../src/abi/errno.ts";
import { O_CREAT, O_EXCL, O_RDWR } from "../../src/abi/flags.ts";
import { FD, type FsName, names, type Step, steps } from "../cases/errno_fs.ts";
import { assertEquals } from "../assert.ts";
import { withFs } from "./helpers.ts";

/** The name of what a call answers: a number, or an errno. */
async function answer(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (e) {
    if (e instanceof SysError) return e.code;
    throw e;
  }
}
const expected = (step: Step, fs: FsName) => (typeof step.answer === "object" ? step.answer[fs] : step.answer);
const shown = ({ call, args }: Step) =>
  `${call}(${
    Object.values(args).map((a) => (a instanceof Uint8Array ? `[${a.length}]` : String(a).slice(0, 20))).join(", ")
  })`;

for (const fs of ["rumpfs", "tmpfs", "msdos"] as const) {
  describe(`errno on ${fs}`, () => {
    it("every recorded step answers as it did, or better with a reason", async () => {
      const { sys } = await withFs(fs);
      for (let n = 0; n < 3; n++) {
        sys.dup2({ from: (await sys.open({ path: "/dev/null", flags: 2 })) as number, to: n });
      }
      let kept = -1;
      for (const [i, step] of steps.entries()) {
        const want = expected(step, fs);
        if (want === undefined) continue;
        const args = Object.fromEntries(Object.entries(step.args).map(([k, v]) => [k, v === FD ? kept : v]));
        const got = await answer(() => (sys as unknown as Record<string, (a: unknown) => unknown>)[step.call]!(args));
        assertEquals(got, want, `step ${i} ${shown(step)}: ${got}, not ${want}`);
        if (step.keep && typeof got === "number") kept = got;
      }
    });
    it("file names are taken or refused as recorded", async () => {
      const { sys } = await withFs(fs);
      for (const [name, fat] of names) {
        const got = await answer(() => sys.open({ path: name, flags: O_CREAT | O_EXCL | O_RDWR, mode: 0o644 }));
        assertEquals(typeof got === "number" ? "ok" : got, fs === "msdos" ? fat : "ok", name);
      }
    });
    it("unmount is refused while somebody is in it, and mounts answer as recorded", async () => {
      if (fs === "rumpfs") return;
      const { sys } = await withFs(fs);
      const unmount = (path: string) => answer(() => sys.unmount({ path, flags: 0 }));
      assertEquals(await unmount("/m"), "EBUSY");
      await sys.chdir({ path: "/" });
      assertEquals([await unmount("/m"), await unmount("/m"), await unmount("/")], [0, "EINVAL", "EINVAL"]);
      const mount = (type: string, path: string, data?: Uint8Array) =>
        answer(() => sys.mount({ type, path, flags: 0, ...(data ? { data } : {}) }));
      assertEquals(await mount("nosuchfs", "/m"), "ENODEV");
      assertEquals(await mount("tmpfs", "/nodir", new Uint8Array(40)), "ENOENT");
      assertEquals(await mount("tmpfs", "/m"), "EINVAL");
    });
  });
}
