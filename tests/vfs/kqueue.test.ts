/** EVFILT_VNODE (kqueue(2)): what becomes of a file is told to who watches it, whoever's hand it was. */
import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import {
  EV_ADD,
  EV_CLEAR,
  EV_ONESHOT,
  EVFILT_VNODE,
  NOTE_ATTRIB,
  NOTE_DELETE,
  NOTE_EXTEND,
  NOTE_LINK,
  NOTE_RENAME,
  NOTE_WRITE,
  O_RDONLY,
} from "../../src/abi/flags.ts";
import { Kevent } from "../../src/abi/structs.ts";
import { callsPosix } from "../../src/conformance/calls.ts";
import { put, refused } from "../../src/conformance/claim.ts";
import type { FsDriver } from "../../src/plugin.ts";
import { assertEquals } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";

const ALL = NOTE_ATTRIB | NOTE_DELETE | NOTE_EXTEND | NOTE_LINK | NOTE_RENAME | NOTE_WRITE;
const NOW = new Uint8Array(16);

async function watching(path: string, wanted = ALL, flags = EV_CLEAR) {
  const { kernel, sys } = await fakeKernel({ builtins, components: ["rumpvfs"] });
  const p = callsPosix(sys);
  await p.mkdir("/d");
  await put(p, "/d/f", "12345");
  const fd = await sys.open({ path, flags: O_RDONLY });
  const kq = await sys.kqueue({});
  const changelist = new Uint8Array(Kevent.size);
  const watch = { ident: fd, filter: EVFILT_VNODE, flags: EV_ADD | flags, fflags: wanted };
  Kevent.write(new DataView(changelist.buffer), 0, watch);
  await sys.kevent({ fd: kq, changelist, timeout: NOW });
  /** What has happened since; 0: nothing. */
  const happened = async () => {
    const eventlist = new Uint8Array(Kevent.size);
    const n = await sys.kevent({ fd: kq, eventlist, timeout: NOW });
    return n === 0 ? 0 : Kevent.get.fflags(new DataView(eventlist.buffer), 0);
  };
  return { kernel, sys, p, happened };
}

describe("EVFILT_VNODE", () => {
  it("tells of writing, growing, attributes, links, renaming and removal of a file, each once", async () => {
    const { sys, p, happened } = await watching("/d/f");
    const steps: readonly (readonly [() => Promise<unknown>, number])[] = [
      [() => p.open("/d/f", "r+").then((fd) => p.write(fd, new Uint8Array(2), 0)), NOTE_WRITE],
      [() => p.open("/d/f", "a").then((fd) => p.write(fd, new Uint8Array(2))), NOTE_WRITE | NOTE_EXTEND],
      [() => p.chmod("/d/f", 0o600), NOTE_ATTRIB],
      [() => p.truncate("/d/f", 1), NOTE_ATTRIB],
      [() => p.link("/d/f", "/d/g"), NOTE_LINK],
      [() => p.rename("/d/f", "/d/h"), NOTE_RENAME],
      [() => p.unlink("/d/h"), NOTE_DELETE],
      [() => p.stat("/d/g"), 0],
    ];
    assertEquals(await happened(), 0);
    for (const [step, note] of steps) {
      await step();
      assertEquals([await happened(), await happened()], [note, 0], step.toString());
    }
    await sys.sync({});
  });
  it("tells of names made, moved and removed in a directory", async () => {
    const { p, happened } = await watching("/d");
    for (
      const step of [
        () => put(p, "/d/g", ""),
        () => p.rename("/d/g", "/d/h"),
        () => p.unlink("/d/h"),
        () => p.mkdir("/d/e"),
      ]
    ) {
      await step();
      assertEquals(await happened(), NOTE_WRITE, step.toString());
    }
  });
  it("tells only what is wanted; without EV_CLEAR again and again, with EV_ONESHOT once", async () => {
    const only = await watching("/d/f", NOTE_DELETE, 0);
    await only.p.chmod("/d/f", 0o600);
    assertEquals(await only.happened(), 0);
    await only.p.unlink("/d/f");
    assertEquals([await only.happened(), await only.happened()], [NOTE_DELETE, NOTE_DELETE]);
    const once = await watching("/d/f", ALL, EV_ONESHOT);
    for (const mode of [0o600, 0o644]) await once.p.chmod("/d/f", mode);
    assertEquals(await once.happened(), NOTE_ATTRIB);
    await once.p.chmod("/d/f", 0o600);
    assertEquals(await once.happened(), 0);
  });
  it("tells what a driver says has changed by other hands", async () => {
    const { kernel, sys, p } = await watching("/d");
    let tell = () => {};
    const driver: FsDriver = {
      kind: "fs",
      name: "moving",
      mount(k) {
        const root = {};
        const volume = {
          root,
          getattr: () => ({ ino: 1, type: "dir" as const, size: 0 }),
          lookup: () => undefined,
          readdir: () => [],
        };
        tell = () => k.changed(volume, root);
        return volume;
      },
    };
    await kernel.use(driver);
    await sys.mount({ type: "moving", path: "/d", flags: 0, data: new TextEncoder().encode("{}") });
    const fd = await sys.open({ path: "/d", flags: O_RDONLY });
    const kq = await sys.kqueue({});
    const list = new Uint8Array(Kevent.size);
    Kevent.write(new DataView(list.buffer), 0, {
      ident: fd,
      filter: EVFILT_VNODE,
      flags: EV_ADD | EV_CLEAR,
      fflags: ALL,
    });
    await sys.kevent({ fd: kq, changelist: list, timeout: NOW });
    tell();
    assertEquals(await sys.kevent({ fd: kq, eventlist: list, timeout: NOW }), 1);
    assertEquals(Kevent.get.fflags(new DataView(list.buffer), 0), NOTE_WRITE | NOTE_ATTRIB);
    assertEquals(await refused(p.stat("/d/none")), "ENOENT");
  });
  it("is refused of what is no file: EINVAL", async () => {
    const { sys } = await watching("/d");
    const kq = await sys.kqueue({});
    const list = new Uint8Array(Kevent.size);
    Kevent.write(new DataView(list.buffer), 0, { ident: kq, filter: EVFILT_VNODE, flags: EV_ADD, fflags: ALL });
    assertEquals(await refused((async () => await sys.kevent({ fd: kq, changelist: list, timeout: NOW }))()), "EINVAL");
  });
});
