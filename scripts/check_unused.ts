/** The tables against the code: every declared system call has a handler or a note that says why not. */
import process from "node:process";
import { declared } from "../src/abi/syscalls.ts";
import { fakeKernel } from "../tests/kern/fake.ts";
import { builtins } from "../plugins/mod.ts";

const { kernel } = await fakeKernel({ builtins, components: Object.keys(builtins) });
const bound = new Set(kernel.dispatcher.established);
const missing = Object.entries(declared).filter(([name, d]) => !bound.has(name) && d.note === undefined);
for (const [name] of missing) process.stderr.write(`check_unused: ${name} is declared, but nobody handles it\n`);
process.exit(missing.length > 0 ? 1 : 0);
