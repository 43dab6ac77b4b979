/** What may be handed to a server as a mount to be served: anything at all. */
import { existsSync, readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { errno } from "../../src/abi/errno.ts";
import { cstring, raw } from "../../src/host/ffi.ts";
import type { AsyncClient } from "../../src/proxy/client.ts";
import { assert, assertEquals } from "../assert.ts";
import { DataLab, pair, until } from "../cases/data_lab.ts";
import { failure } from "../conformance/data_path.ts";

const seen = { root: "/", prefix: undefined, uid: 0, gid: 0 };
const opened = (path: string, flags = 2) => raw.open(cstring(path), flags, 0);

describe("a mount that is handed over", { skip: process.platform !== "linux" }, () => {
  let lab: DataLab;
  let us: AsyncClient;
  const descriptors = () => readdirSync(`/proc/${lab.server.pid}/fd`).length;
  before(async () => {
    lab = new DataLab();
    us = await lab.client();
  });
  after(() => lab.close());
  /** What is refused is closed. */
  const closes = (before: number) => until(() => descriptors() <= before ? true : undefined, "closing");

  it("is refused unless it is one: a device of no mount, other devices, files, sockets", async () => {
    const things: Readonly<Record<string, number>> = {
      device: opened("/dev/zero"),
      file: opened(`${lab.sh.dir}/log`),
      event: raw.eventfd(0, 0),
      pair: pair()[0],
      ...(existsSync("/dev/fuse") ? { "device of no mount": opened("/dev/fuse") } : {}),
    };
    await failure(us.serve(seen, things.device!)); // what a server opens once for this
    const before = descriptors();
    for (const [what, fd] of Object.entries(things)) {
      assert(fd >= 0, what);
      assertEquals(await failure(us.serve(seen, fd)), errno.ENODEV, what);
    }
    await closes(before);
    for (const fd of Object.values(things)) raw.close(fd);
  });
  it("is refused where how it is to be seen makes no sense", async () => {
    const fd = opened("/dev/zero");
    const before = descriptors();
    const wrong: readonly object[] = [
      { root: "relative" },
      { root: "" },
      { root: `/${"x".repeat(5000)}` },
      { root: 1 },
      { prefix: "relative" },
      { prefix: 7 },
      { uid: -1 },
      { uid: 2 ** 32 },
      { gid: 0.5 },
      { gid: "0" },
    ];
    for (const part of wrong) {
      assertEquals(await failure(us.serve({ ...seen, ...part }, fd)), errno.EINVAL, JSON.stringify(part));
    }
    await closes(before);
    raw.close(fd);
  });
});
