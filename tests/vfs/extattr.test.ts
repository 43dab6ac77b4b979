import { describe, it } from "node:test";
import { builtins } from "../../plugins/mod.ts";
import { O_CREAT, O_RDWR } from "../../src/abi/flags.ts";
import { refused } from "../../src/conformance/claim.ts";
import { assertEquals } from "../assert.ts";
import { fakeKernel } from "../kern/fake.ts";

const [USER, SYSTEM] = [1, 2] as const;
const text = (s: string) => new TextEncoder().encode(s);
const code = (work: () => unknown) => refused((async () => await work())());

/** A file /f with a link /l to it. */
async function file() {
  const made = await fakeKernel({ builtins, components: ["rumpvfs"] });
  const { sys } = made;
  const fd = (await sys.open({ path: "/f", flags: O_CREAT | O_RDWR, mode: 0o644 })) as number;
  await sys.symlink({ path: "/f", link: "/l" });
  const get = async (path: string, attrname: string, attrnamespace: number = USER) => {
    const data = new Uint8Array(100);
    return new TextDecoder().decode(
      data.subarray(0, await sys.extattr_get_file({ path, attrnamespace, attrname, data })),
    );
  };
  return { ...made, fd, get };
}
describe("extattr_get_file(2) and its kin", () => {
  it("set, read, list and remove what setxattr(2) and its kin know with the space before the name", async () => {
    const { sys, get, fd } = await file();
    assertEquals(await sys.extattr_set_file({ path: "/l", attrnamespace: USER, attrname: "a", data: text("one") }), 3);
    assertEquals(await sys.extattr_set_fd({ fd, attrnamespace: SYSTEM, attrname: "b", data: text("two") }), 3);
    const value = new Uint8Array(10);
    assertEquals(await sys.getxattr({ path: "/f", name: "user.a", value }), 3);
    assertEquals([await get("/f", "a"), await get("/l", "b", SYSTEM)], ["one", "two"]);
    const data = new Uint8Array(10);
    assertEquals(await sys.extattr_list_fd({ fd, attrnamespace: USER, data }), 2);
    assertEquals(data.subarray(0, 2), new Uint8Array([1, 97]));
    await sys.extattr_delete_file({ path: "/f", attrnamespace: USER, attrname: "a" });
    assertEquals([await code(() => get("/f", "a")), await get("/f", "b", SYSTEM)], ["ENOATTR", "two"]);
  });
  it("tell how much there is without a buffer, and give what fits into a small one", async () => {
    const { sys } = await file();
    const what = { path: "/f", attrnamespace: USER, attrname: "a" };
    await sys.extattr_set_file({ ...what, data: text("value") });
    assertEquals(await sys.extattr_get_file(what), 5);
    const data = new Uint8Array(2);
    assertEquals([await sys.extattr_get_file({ ...what, data }), new TextDecoder().decode(data)], [2, "va"]);
    assertEquals(await sys.extattr_list_file({ path: "/f", attrnamespace: USER }), 2);
  });
  it("of a link itself are its own", async () => {
    const { sys, get } = await file();
    await sys.extattr_set_link({ path: "/l", attrnamespace: USER, attrname: "a", data: text("link") });
    assertEquals(await code(() => get("/f", "a")), "ENOATTR");
    const data = new Uint8Array(10);
    assertEquals(await sys.extattr_get_link({ path: "/l", attrnamespace: USER, attrname: "a", data }), 4);
    await sys.extattr_delete_link({ path: "/l", attrnamespace: USER, attrname: "a" });
    assertEquals(await sys.extattr_list_link({ path: "/l", attrnamespace: USER }), 0);
  });
  it("refuse spaces there are not, the system's to users, and names that are none", async () => {
    const { sys, get, kernel } = await file();
    assertEquals([await code(() => get("/f", "a", 3)), await code(() => get("/f", ""))], ["EINVAL", "EINVAL"]);
    const user = kernel.calls(kernel.fork("user", { uid: 7, euid: 7, gid: 7, egid: 7, groups: [7] }));
    assertEquals(
      await code(() => user.extattr_get_file({ path: "/f", attrnamespace: SYSTEM, attrname: "a" })),
      "EPERM",
    );
    assertEquals(
      await code(() => user.extattr_set_file({ path: "/f", attrnamespace: USER, attrname: "a", data: text("x") })),
      "EACCES",
    );
    assertEquals(await code(() => sys.extattr_get_fd({ fd: 99, attrnamespace: USER, attrname: "a" })), "EBADF");
  });
});
