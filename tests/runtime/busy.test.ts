/** Busy waiting, by a clock of the test's own. */
import { describe, it } from "node:test";
import { Busy } from "../../src/host/busy.ts";
import { alone, Spin } from "../../src/host/spin.ts";
import { assert, assertEquals } from "../assert.ts";

/** On one CPU nobody waits busily. */
const skip = alone;

/** A clock that every look at it moves on by a microsecond. */
function clock() {
  let ms = 0;
  return { now: () => (ms += 0.001), pass: (more: number) => (ms += more) };
}
/** The part of the time that is waited busily, by one who asks every millisecond for ten seconds. */
function share(there: () => boolean): number {
  const { now, pass } = clock();
  const spin = new Spin(now);
  const start = now();
  let waited = 0;
  for (let i = 0; i < 10_000; i++) {
    pass(1);
    if (!spin.worth()) continue;
    const from = now();
    spin.until(there);
    waited += now() - from;
  }
  return waited / (now() - start);
}

describe("busy waiting", { skip }, () => {
  it("in vain takes up a small part of all time", () => {
    const part = share(() => false);
    assert(part > 0 && part < 0.03, `${part}`);
  });
  it("goes on while it pays, also after much in vain", () => {
    let asked = 0;
    const { now, pass } = clock();
    const spin = new Spin(now);
    while (spin.worth()) spin.until(() => false);
    pass(100);
    for (let i = 0; i < 1000; i++) {
      assert(spin.worth());
      assert(spin.until(() => ++asked % 3 === 0));
    }
  });
  it("a few failures do not end it when many waits were worth it", () => {
    let asked = 0;
    const { now, pass } = clock();
    const spin = new Spin(now);
    while (spin.worth()) spin.until(() => false);
    pass(10);
    assert(spin.worth());
    for (let i = 0; i < 100; i++) spin.until(() => ++asked % 3 === 0);
    for (let i = 0; i < 4; i++) spin.until(() => false);
    assert(spin.worth());
  });
});
describe("what a loop looks at before it sleeps", { skip }, () => {
  it("keeps events from nobody, though there is always something", () => {
    const busy = new Busy(clock().now, () => {});
    let polled = 0;
    let looked = 0;
    for (let i = 0; i < 1000; i++) {
      busy.expect(() => (looked++, true));
      busy.wait(() => (polled++, 0));
    }
    assertEquals([looked > 500, polled], [true, 125]);
  });
  it("is dropped when looking fails, and told", () => {
    const told: unknown[] = [];
    const busy = new Busy(clock().now, (e) => told.push(e));
    busy.expect(() => {
      throw "broken";
    });
    busy.look();
    busy.look();
    assertEquals(told, ["broken"]);
  });
  it("is not waited for when nothing is expected", () => {
    const busy = new Busy(clock().now, () => {});
    let polled = 0;
    busy.wait(() => (polled++, 0));
    assertEquals(polled, 0);
  });
});
