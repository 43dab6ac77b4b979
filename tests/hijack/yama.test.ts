import { test } from "node:test";
import { yamaObstacle } from "../../src/hijack/yama.ts";
import { assertEquals } from "../assert.ts";

test("who may serve a program's calls, by Yama's scope and CAP_SYS_PTRACE", () => {
  const may = [undefined, "0\n", "1\n", "2\n", "3\n"].map((scope) =>
    [false, true].map((mayTrace) => yamaObstacle(scope, mayTrace) === undefined)
  );
  assertEquals(may, [[true, true], [true, true], [false, true], [false, true], [false, false]]);
});
