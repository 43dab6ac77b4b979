import { describe, it } from "node:test";
import process from "node:process";
import { fuzzWires } from "../fuzz/wires.ts";
import { assert, assertEquals } from "../assert.ts";

describe("both wires, fuzzed from the table", () => {
  it("the server lives, answers others, and keeps nothing of whoever came", async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 32);
    const { problems, clients } = await fuzzWires(3, seed);
    assertEquals(problems, [], `SEED=${seed}`);
    assert(clients > 50, `${clients} clients`);
  });
});
