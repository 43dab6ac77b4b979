/** rump disk: disks and their images, looked at, made, converted and compared. */
import { create, createGrammar } from "./disk_create.ts";
import { convert, convertGrammar } from "./disk_convert.ts";
import { compare, compareGrammar } from "./disk_compare.ts";
import { info, infoGrammar } from "./disk_info.ts";
import { replay, replayGrammar } from "./disk_replay.ts";
import { slices, slicesGrammar } from "./disk_slices.ts";
import type { Run } from "../mod.ts";
import { subcommands } from "../subcommands.ts";

export const run: Run = subcommands(
  "Disks and their images: what is on them, and making, converting and comparing them.",
  {
    info: { grammar: infoGrammar, operands: [1, 1], run: info },
    slices: { grammar: slicesGrammar, operands: [1, 1], run: slices },
    create: { grammar: createGrammar, operands: [1, 1], run: create },
    convert: { grammar: convertGrammar, operands: [2, 2], run: convert },
    compare: { grammar: compareGrammar, operands: [2, 2], run: compare },
    replay: { grammar: replayGrammar, operands: [1, 2], run: replay },
  },
);
