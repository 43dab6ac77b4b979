/** System calls in process against node:fs on the host's /tmp. */
import { closeSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { builtins } from "../../plugins/mod.ts";
import { bootKernel } from "../../src/kern/kernel.ts";
import { fakeHost } from "../kern/fake.ts";
import { line, us, work } from "./bench.ts";

export async function local(): Promise<void> {
  const kernel = await bootKernel(fakeHost(), { builtins, components: ["rumpvfs"] });
  const sys = kernel.calls(kernel.fork("bench"));
  const buf = new Uint8Array(4096);
  const fd = (await sys.open({ path: "/x", flags: 0x202, mode: 0o644 })) as number;
  await sys.write({ fd, buf });
  writeFileSync(`${work}/x`, buf);
  const peer = openSync(`${work}/x`, "r");
  const ub = new Uint8Array(152);
  line("local getpid", us(1e6, () => sys.getpid()), "us");
  line(
    "local open+close",
    us(1e5, () => sys.close({ fd: sys.open({ path: "/x", flags: 0 }) as number })),
    "us",
    "node:fs",
    us(5e4, () => closeSync(openSync(`${work}/x`, "r"))),
  );
  line(
    "local stat",
    us(1e5, () => sys.stat({ path: "/x", ub })),
    "us",
    "node:fs",
    us(5e4, () => statSync(`${work}/x`)),
  );
  line(
    "local pread 4 KiB",
    us(2e5, () => sys.pread({ fd, buf, offset: 0 })),
    "us",
    "node:fs",
    us(5e4, () => readSync(peer, buf, 0, 4096, 0)),
  );
  closeSync(peer);
}
