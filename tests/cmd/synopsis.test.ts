/** NetBSD's options, letter by letter: each is taken as there, with a value or without, or refused with the reason. */
import { describe, it } from "node:test";
import { applets } from "../../src/cmd/mod.ts";
import type { Host } from "../../src/host/host.ts";
import { assert, assertMatch } from "../assert.ts";

/** getopt(3) strings of the manual pages' synopses. */
const SYNOPSES: Readonly<Record<string, string>> = {
  "rump.ping": "aCc:DdE:fg:h:I:i:Ll:noPp:QqRrs:T:t:vw:",
  "rump.ping6": "a:b:c:dfg:Hh:I:i:l:mNnoP:p:qS:s:tvWwX:x:",
  "rump.traceroute": "A:aDdFf:g:Ii:lMm:nPp:q:rs:t:vw:xz:",
  "rump.traceroute6": "A:adf:Ilm:np:q:rs:vw:",
  "rump.netstat": "AaBbdf:ghI:iLlM:mN:nP:p:qrSsTtvw:X",
  "rump.sockstat": "46cf:lnp:u",
  "rump.arp": "adfnsv",
  "rump.ndp": "A:acdfHIi:nPpRrst",
  "rump.route": "dfLnqSsTtv",
  "rump.brconfig": "a",
  "rump.ifconfig": "abCdhLlmsuvw:z",
  // OpenBSD's, as NetBSD 8 has it.
  "rump.nc": "46C:cDde:FH:hI:i:K:klM:m:NnO:o:P:p:R:rSs:T:tUuvw:X:x:z",
};
/** Parse a command line with --help behind it: what was said, or why it failed. */
async function asked(program: string, args: readonly string[]): Promise<string> {
  let said = "";
  const say = (text: string | Uint8Array) => void (said += text);
  const host = { out: say, err: say, env: () => undefined } as unknown as Host;
  try {
    await (await applets[program]!.load()).run(host, [program, ...args, "--help"]);
  } catch (e) {
    return said + (e as Error).message;
  }
  return said;
}

describe("options of NetBSD's", () => {
  for (const [program, synopsis] of Object.entries(SYNOPSES)) {
    it(`${program} takes or refuses each`, async () => {
      for (const [, letter, value] of synopsis.matchAll(/(.)(:?)/g)) {
        const said = await asked(program, value ? [`-${letter}`, "1"] : [`-${letter}`]);
        if (said.startsWith("Usage:") || said.includes("Usage:\n")) continue;
        assertMatch(said, new RegExp(`^${program.replace(".", "\\.")}: -${letter} is not supported: \\S.{10}`));
      }
    });
  }
  it("a letter that is nobody's is an error", async () => {
    assert((await asked("rump.ping", ["-Z"])).startsWith("rump.ping: unknown option -- Z\n"));
  });
});
