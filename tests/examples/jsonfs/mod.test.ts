import { describe, it } from "node:test";
import { assertEquals } from "../../assert.ts";
import { conformance } from "../../conformance/fs.ts";
import { bytesDisk, reader } from "../helpers.ts";
import jsonfs from "./mod.ts";

const JSON_TEXT =
  '{ "name": "rump", "list": [1, "two", null], "deep": { "er": { "yes": true } }, "a/b": 1, "": 2, "..": 3 }';
const TOML_TEXT = 'title = "TOML"\nwhen = 2026-11-25T10:00:00Z\n[server]\nports = [ 80, 443 ]\n';

conformance(jsonfs, { title: "jsonfs of JSON", device: () => bytesDisk(JSON_TEXT) });
conformance(jsonfs, { title: "jsonfs of TOML", device: () => bytesDisk(TOML_TEXT) });

describe("jsonfs", () => {
  it("shows tables and lists as directories, scalars as lines, names that are none as near as can be", async () => {
    const at = await reader(jsonfs, { device: bytesDisk(JSON_TEXT) });
    assertEquals(await at.list("/"), ["..\u005f", "_", "a\u2215b", "deep", "list", "name"]);
    assertEquals([await at.text("/name"), await at.text("/list/2"), await at.text("/deep/er/yes")], [
      "rump\n",
      "null\n",
      "true\n",
    ]);
  });
  it("reads TOML, and leaves the newline out when told", async () => {
    const at = await reader(jsonfs, { device: bytesDisk(TOML_TEXT), options: { newline: "no" } });
    assertEquals([await at.text("/title"), await at.text("/server/ports/1")], ["TOML", "443"]);
  });
  it("says where a document is wrong", async () => {
    const log: string[] = [];
    const answer = await reader(jsonfs, { device: bytesDisk("title = "), log }).then(() => "mounted", (e) => e.code);
    assertEquals([answer, log.length], ["EINVAL", 1]);
  });
});
