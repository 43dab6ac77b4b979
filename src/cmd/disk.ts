/** rump disk: partitioned images, looked at and made. */
import { create, createGrammar } from "./disk_create.ts";
import { slices, slicesGrammar } from "./disk_slices.ts";
import type { Run } from "./mod.ts";
import { subcommands } from "./subcommands.ts";

export const run: Run = subcommands("Look at the partitions of an image, and make images with one.", {
  slices: { grammar: slicesGrammar, operands: [1, 1], run: slices },
  create: { grammar: createGrammar, operands: [1, 1], run: create },
});
