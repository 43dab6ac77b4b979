import { describe, it } from "node:test";
import { errno, SysError } from "../../src/abi/errno.ts";
import { Sysctldesc, Sysctlnode } from "../../src/abi/structs.ts";
import { Sysctl } from "../../src/kern/sysctl.ts";
import { viewOf } from "../../src/lib/struct.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { fakeKernel } from "./fake.ts";

const code = (fn: () => unknown) => {
  try {
    fn();
    return "ok";
  } catch (e) {
    if (e instanceof SysError) return e.code;
    throw e;
  }
};

function tree() {
  const t = new Sysctl();
  let ttl = 64;
  t.add({
    "net.inet.ip.ttl": {
      type: "int",
      doc: "Default TTL",
      number: 4,
      read: () => ttl,
      write(n) {
        if ((n as number) < 1 || (n as number) > 255) throw errno.EINVAL;
        ttl = n as number;
      },
    },
    "net.inet.ip.forwarding": { type: "int", doc: "", number: 1, read: () => 0 },
    "kern.ostype": { type: "string", doc: "Operating system type", number: 1, read: () => "NetBSD" },
  });
  return t;
}
const inet = [4, 2, 0];
const int = (n: number) => {
  const b = new Uint8Array(4);
  viewOf(b).setInt32(0, n, true);
  return b;
};

describe("sysctl", () => {
  it("a variable is read by number, and its length told when the buffer is too small", () => {
    const old = new Uint8Array(3);
    assertEquals(tree().call([1, 1], old, undefined, false), 7);
    assertEquals(new TextDecoder().decode(old), "Net");
  });
  it("the old value comes with the new one's setting", () => {
    const t = tree();
    const old = new Uint8Array(4);
    t.call([...inet, 4], old, int(42), true);
    assertEquals([viewOf(old).getInt32(0, true), t.find("net.inet.ip.ttl")!.read(0)], [64, 42]);
  });
  it("only the super-user sets, only what is writable, only what it likes, only of its size", () => {
    const t = tree();
    assertEquals(code(() => t.call([...inet, 4], undefined, int(1), false)), "EPERM");
    assertEquals(code(() => t.call([...inet, 1], undefined, int(1), true)), "EPERM");
    assertEquals(code(() => t.call([...inet, 4], undefined, int(0), true)), "EINVAL");
    assertEquals(code(() => t.call([...inet, 4], undefined, new Uint8Array(5), true)), "EINVAL");
  });
  it("a path that leads nowhere, through a variable, or to a directory has its errno", () => {
    const t = tree();
    assertEquals(code(() => t.call([1, 99], undefined, undefined, true)), "ENOENT");
    assertEquals(code(() => t.call([1, 1, 1], undefined, undefined, true)), "ENOTDIR");
    assertEquals(code(() => t.call([4, 2], undefined, undefined, true)), "EISDIR");
    assertEquals(code(() => t.call([], undefined, undefined, true)), "EINVAL");
  });
  it("CTL_QUERY lists a level as struct sysctlnode", () => {
    const t = tree();
    const old = new Uint8Array(2 * Sysctlnode.size);
    assertEquals(t.call([...inet, -2], old, undefined, false), 192);
    const d = viewOf(old);
    const row = (
      at: number,
    ) => [Sysctlnode.get.name(d, at), Sysctlnode.get.num(d, at), Sysctlnode.get.flags(d, at) & 0xff];
    assertEquals([row(0), row(96)], [["ttl", 4, 0x72], ["forwarding", 1, 0x02]]);
  });
  it("CTL_DESCRIBE gives the text of one node or of all", () => {
    const t = tree();
    const old = new Uint8Array(100);
    const asked = new Uint8Array(Sysctlnode.size);
    Sysctlnode.set.num(viewOf(asked), 0, 4);
    const n = t.call([...inet, -7], old, asked, false);
    const len = Sysctldesc.get.len(viewOf(old), 0);
    assertEquals([new TextDecoder().decode(old.subarray(12, 12 + len)), n % 4], ["Default TTL\0", 0]);
    assertEquals(t.call([...inet, -7], undefined, undefined, false), 24 + 16);
  });
  it("a name registered twice, or below a variable, is a mistake", () => {
    const node = { type: "int", doc: "", read: () => 1 } as const;
    assertThrows(() => tree().add({ "kern.ostype": node }), Error, "registered already");
    assertThrows(() => tree().add({ "kern.ostype.x": node }), Error, "is a variable");
  });
  it("the system call refuses a MIB that is no list of numbers, or too long", async () => {
    const { sys } = await fakeKernel();
    assertEquals(code(() => sys.__sysctl({ name: new Uint8Array(5) })), "EINVAL");
    assertEquals(code(() => sys.__sysctl({ name: new Uint8Array(4 * 13) })), "EINVAL");
  });
  it("every node of the kernel can be read, and its text encodes", async () => {
    const { kernel } = await fakeKernel();
    for (const [, node] of kernel.tree) assertEquals(typeof node.read(0) === "undefined", false);
  });
});
