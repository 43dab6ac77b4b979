/** A client whose server went away attaches again, as RUMPHIJACK_RETRYCONNECT says (rumpclient(3): rumpclient_setconnretry). */
import { errno, SysError } from "../abi/errno.ts";
import { declared } from "../abi/syscalls.ts";

/** `inftime`: for ever; `once`: one attempt; `die`: end the program; a number: for so many seconds. */
export type Retry = "inftime" | "once" | "die" | number;

/** A value of RUMPHIJACK_RETRYCONNECT; undefined: no attempt is made (0). Throws an Error that says what is wrong. */
export function parseRetry(text: string): Retry | undefined {
  if (text === "inftime" || text === "once" || text === "die") return text;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`RUMPHIJACK_RETRYCONNECT: ${text}: not inftime, once, die or seconds`);
  return Number(text) || undefined;
}

/** What trying again needs of the world around. */
export interface World {
  /** Monotonic milliseconds. */
  now(): number;
  /** Tell the user. */
  say(line: string): void;
  /** End the program. */
  exit(status: number): never;
  /** The client was closed by its user: there is nothing to reconnect. */
  over?(): boolean;
}
/** Milliseconds between two "still trying". */
const PATIENCE_MS = 120_000;
const STEP_MS = 100;
const STEPS = 10;

/** The attempts after one loss: how long to wait before each. The waits and words are NetBSD's. */
export class Attempts {
  readonly #retry: Retry;
  readonly #world: World;
  readonly #start: number;
  #said: number;
  #made = 0;

  constructor(retry: Retry, world: World) {
    this.#retry = retry;
    this.#world = world;
    this.#start = this.#said = world.now();
  }
  /** Milliseconds until the next attempt. Throws ECONNRESET when there is none. */
  next(): number {
    const { say, now, exit } = this.#world;
    if (this.#world.over?.()) throw errno.ECONNRESET;
    if (this.#retry === "die") exit(1);
    if (this.#made === 1) {
      if (this.#retry === "once") throw errno.ECONNRESET;
      say("rump_sp: connection to kernel lost, trying to reconnect ...");
    } else if (now() - this.#said > PATIENCE_MS) {
      say("rump_sp: still trying to reconnect ...");
      this.#said = now();
    }
    if (typeof this.#retry === "number" && now() - this.#start >= this.#retry * 1000) {
      say(`rump_sp: reconnect failed, ${this.#retry} second timeout`);
      throw errno.ECONNRESET;
    }
    const n = this.#made++;
    return n < STEPS ? n * STEP_MS : Math.min(STEPS, n - STEPS + 1) * 1000;
  }
  succeeded(): void {
    if (this.#made !== 1) this.#world.say("rump_sp: reconnected!");
  }
}

/** Whether a failed attempt may succeed another time: not where the server is there and says no, or is not to be believed. */
const passes = (e: unknown): boolean =>
  e instanceof SysError || typeof (e as { code?: unknown } | undefined)?.code === "string";

type Calls = Record<string, unknown>;
type Call = (...args: readonly unknown[]) => unknown;
/** A batch is made again as a call is. */
const each = (call: (name: string) => Call): Calls =>
  Object.fromEntries([...Object.keys(declared), "batch"].map((name) => [name, call(name)]));
/** A client's calls, its batches among them. */
export const callsOf = ({ sys, batch }: { readonly sys: object; readonly batch: unknown }): Calls => ({
  ...sys,
  batch,
});

/** Calls that attach again when the connection is lost, and are made once more then: `connect` gives the calls of a new one. */
export function persistentSync(
  first: Calls,
  connect: () => Calls,
  retry: Retry,
  world: World & { sleep(ms: number): void },
): Calls {
  let current = first;
  const again = () => {
    const attempts = new Attempts(retry, world);
    for (;;) {
      world.sleep(attempts.next());
      try {
        current = connect();
        return attempts.succeeded();
      } catch (e) {
        if (!passes(e)) throw e;
      }
    }
  };
  return each((name) => (...args) => {
    for (;;) {
      try {
        return (current[name] as Call)(...args);
      } catch (e) {
        if (e !== errno.ECONNRESET) throw e;
        again();
      }
    }
  });
}

export interface LaterWorld extends World {
  delay(ms: number): Promise<void>;
}
/** Attach again, as often as may be. Throws ECONNRESET when that is given up, and what a server says that turns us away. */
export async function reattach<T>(connect: () => Promise<T>, retry: Retry, world: LaterWorld): Promise<T> {
  const attempts = new Attempts(retry, world);
  for (;;) {
    await world.delay(attempts.next());
    try {
      const made = await connect();
      attempts.succeeded();
      return made;
    } catch (e) {
      if (!passes(e)) throw e;
    }
  }
}
/** The same for calls that answer later; those under way wait for one attempt together. */
export function persistentAsync(
  first: Calls,
  connect: () => Promise<Calls>,
  retry: Retry,
  world: LaterWorld,
): Calls {
  let current = first;
  let under: Promise<void> | undefined;
  const again = async () => void (current = await reattach(connect, retry, world));
  return each((name) => async (...args) => {
    for (;;) {
      const used = current;
      try {
        return await (used[name] as Call)(...args);
      } catch (e) {
        if (e !== errno.ECONNRESET) throw e;
        if (used === current) await (under ??= again().finally(() => (under = undefined)));
      }
    }
  });
}
