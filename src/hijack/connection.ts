/** The server hijacked programs work with: it may go, and come back, or another in its place (rumpclient(3): rumpclient_setconnretry). */
import { errno } from "../abi/errno.ts";
import type { Loop } from "../host/host.ts";
import type { AsyncClient } from "../proxy/client.ts";
import type { Async } from "../plugin.ts";
import { reattach, type Retry } from "../proxy/reconnect.ts";
import type { RemoteCalls } from "./remote_calls.ts";

/** What is done when it has gone. */
export interface Afterwards {
  /** Undefined: nothing is tried. */
  readonly retry: Retry | undefined;
  /** Whether it is on another machine, or may be. */
  readonly far: boolean;
  /** Attach again, in the loop. */
  readonly attach: () => Promise<AsyncClient>;
  /** A line for the user of the programs. */
  say(line: string): void;
  /** End the programs ("die"). */
  end(): void;
}

/** See the head of this file. */
export class Connection {
  /** The last there was: the one there is, or one whose calls fail with ECONNRESET. */
  client: AsyncClient;
  /** Told when a connection is lost. */
  readonly lost: (() => void)[] = [];
  /** Nobody is there any more to attach for. */
  over = false;
  readonly #loop: Loop;
  readonly #then: Afterwards;
  #there = true;
  #next: Promise<AsyncClient> | undefined;

  constructor(loop: Loop, first: AsyncClient, afterwards: Afterwards) {
    this.#loop = loop;
    this.#then = afterwards;
    this.client = first;
    this.#watch();
  }
  get far(): boolean {
    return this.#then.far;
  }
  /** Programs are ended for want of a server. */
  get deadly(): boolean {
    return !this.#there && this.#then.retry === "die";
  }
  /** The connection there is; where there is none, one is waited for, by all who ask together. Rejects with ENOTCONN. */
  now(): AsyncClient | Promise<AsyncClient> {
    if (this.#there) return this.client;
    return this.#next ??= this.#attached().finally(() => (this.#next = undefined));
  }
  #watch(): void {
    void this.client.closed.then(() => {
      this.#there = false;
      for (const tell of this.lost) tell();
      if (this.#then.retry === "die") this.#then.end();
    });
  }
  async #attached(): Promise<AsyncClient> {
    const { retry, attach, say } = this.#then;
    if (retry === undefined || retry === "die" || this.over) throw errno.ENOTCONN;
    const loop = this.#loop;
    const delay = (ms: number) =>
      new Promise<void>((resolve) => void loop.timer(ms, () => (loop.settled(), resolve())));
    const exit = () => {
      throw errno.ENOTCONN;
    };
    try {
      this.client = await reattach(attach, retry, { now: loop.now, say, exit, delay, over: () => this.over });
    } catch (e) {
      if (e !== errno.ECONNRESET) say(`rump_sp: ${e instanceof Error ? e.message : e}`);
      throw errno.ENOTCONN;
    } finally {
      loop.settled();
    }
    this.#there = true;
    this.#watch();
    return this.client;
  }
}

/** The calls of whatever connection there is. */
export const currentCalls = (connection: Connection): RemoteCalls => ({
  get sys() {
    return connection.client.sys;
  },
  get batch() {
    return connection.client.batch;
  },
});

/** Waits for a server, where one is gone. */
export const waiter = (connection: Connection | undefined) => (): Async<unknown> => {
  if (!connection) throw errno.ENOTCONN;
  return connection.now();
};
