/** rumphijack: variables and tables of the rump kernel in the places where programs of Linux read theirs. */
import { after, before, describe, it } from "node:test";
import { assertEquals } from "../assert.ts";
import { noFuse, Shell } from "./helpers.ts";

describe("rumphijack on a server without file systems", { skip: noFuse() }, () => {
  let sh: Shell;
  before(() => {
    sh = new Shell();
    sh.env.RUMP_SERVER = `unix://${sh.dir}/s`;
    sh.must("rump_server -l rumpnet_netinet unix://s");
  });
  after(() => sh.close());
  const run = (command: string) => sh.run(command, { RUMP_SERVER: sh.env.RUMP_SERVER! });

  it("goes on with sockets where nobody asked for files", () => {
    const { out, err, status } = run("rumphijack sh -c 'echo here; ls -d /rump'");
    assertEquals([out, err, status], ["here\n", "ls: cannot access '/rump': No such file or directory\n", 2]);
  });
  for (const how of ["RUMPHIJACK=path=/rump rumphijack", "rumphijack --path /rump", "rumphijack --blanket /rump"]) {
    it(`${how}: says which component is missing`, () => {
      const { err, status } = run(`${how} true`);
      const line = "rumphijack: /rump: the server has no file systems (start it with -l rumpvfs)\n";
      assertEquals([err, status], [line, 1]);
    });
  }
});
