/** rump plugin: what somebody needs who writes a plugin. */
import type { Run } from "../mod.ts";
import { check, checkGrammar } from "./plugin_check.ts";
import { create, newGrammar } from "./plugin_new.ts";
import { subcommands } from "../subcommands.ts";

export const run: Run = subcommands("Start a plugin of your own, and look whether it does what its kind must.", {
  new: { grammar: newGrammar, operands: [1, 1], run: create },
  check: { grammar: checkGrammar, operands: [1, 2], run: check },
});
