/** One connection to a web server: a request, its answer, the next one (HTTP/1.1, RFC 9112). */
import { Inbox } from "../../src/lib/inbox.ts";
import type { Channel, Sys } from "../../src/plugin.ts";
import { authority, type Place } from "./place.ts";
import { Refused } from "./refused.ts";

/** Longest line of a head, and lines of one. */
const LINE = 16 << 10;
const LINES = 200;
/** Preliminary answers (1xx) to one request. */
const PRELIMINARY = 10;

const ADVICE = "#cafile=... behind the URL, or SSL_CERT_FILE, says who is";

export interface Trust {
  readonly ca?: string;
  readonly timeoutMs: number;
}
/** The head of an answer. */
export interface Head {
  readonly status: number;
  /** By lower-case names. */
  readonly fields: ReadonlyMap<string, string>;
}
export class Connection {
  readonly #place: Place;
  readonly #channel: Channel;
  readonly #in: Inbox;
  /** The last answer was taken whole, and the server goes on. */
  #fresh = true;
  /** How the body that is to be taken is told from what follows: its length, by chunks, or by the end. */
  #body: number | "chunks" | "end" = 0;
  /** The server ends it after this answer. */
  #closing = false;

  private constructor(place: Place, channel: Channel, inbox: Inbox) {
    this.#place = place;
    this.#channel = channel;
    this.#in = inbox;
  }
  /** Connect. Rejects with Refused where the server is not whom it should be. */
  static async open(sys: Sys, place: Place, { ca, timeoutMs }: Trust): Promise<Connection> {
    const { host, port, secure } = place;
    const security = { ...ca !== undefined && { ca }, oldest: "1.2", handshakeMs: timeoutMs, advice: ADVICE } as const;
    const { connect, tls } = sys.sockets;
    const connecting = Promise.resolve(secure ? tls.connect({ host, port }, security) : connect({ host, port }));
    const channel = await inTime(sys, timeoutMs, connecting).catch((e) => {
      throw secure && !Object.hasOwn(e, "errno") && /certificate/.test(e.message) ? new Refused(e.message) : e;
    });
    return new Connection(place, channel, new Inbox(channel, timeoutMs, sys.callout));
  }
  /** It can be asked once more. */
  get usable(): boolean {
    return this.#fresh && !this.#in.ended && !this.#in.waiting;
  }
  /** Ask for what is at the place, with so many fields more. */
  async get(fields: readonly (readonly [name: string, value: string])[]): Promise<Head> {
    this.#fresh = false;
    const lines = [["Host", authority(this.#place)], ...fields].map(([name, value]) => `${name}: ${value}\r\n`);
    this.#channel.send(new TextEncoder().encode(`GET ${this.#place.target} HTTP/1.1\r\n${lines.join("")}\r\n`));
    for (let n = 0; n < PRELIMINARY; n++) {
      const { head, version } = await this.#head();
      if (head.status >= 200) {
        this.#expect(head, version);
        return head;
      }
    }
    throw new Error("no answer, only preliminary ones");
  }
  async #head(): Promise<{ readonly head: Head; readonly version: string }> {
    const first = await this.#in.line(LINE);
    const [, version, status] = /^HTTP\/(1\.[01]) (\d{3})(?: |$)/.exec(first) ?? [];
    if (version === undefined) throw new Error("not a web server");
    const fields = new Map<string, string>();
    for (let n = 0; n < LINES; n++) {
      const line = await this.#in.line(LINE);
      if (line === "") return { head: { status: Number(status), fields }, version };
      const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
      if (name === undefined) throw new Error("an answer of no sense");
      fields.set(name.toLowerCase(), value!);
    }
    throw new Error("an answer without end");
  }
  #expect({ status, fields }: Head, version: string): void {
    const coded = fields.get("transfer-encoding")?.toLowerCase();
    const length = fields.get("content-length");
    if (coded !== undefined && coded !== "chunked") throw new Error(`transfer encoding ${coded}`);
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Error("a length of no sense");
    this.#body = coded
      ? "chunks"
      : status === 204 || status === 304
      ? 0
      : length === undefined
      ? "end"
      : Number(length);
    const keeps = (fields.get("connection") ?? (version === "1.1" ? "" : "close")).toLowerCase();
    this.#closing = keeps.includes("close") || (version === "1.0" && !keeps.includes("keep-alive"));
  }
  /** Take the answer's body, or its beginning, which must fill `into`. */
  async take(into: Uint8Array): Promise<void> {
    if (this.#body === "chunks") await this.#chunks(into);
    else {
      if (this.#body !== "end" && this.#body < into.length) throw new Error("an answer of another length");
      await this.#in.fill(into);
      if (this.#body !== into.length) this.#closing = true;
    }
    this.#fresh = !this.#closing;
  }
  async #chunks(into: Uint8Array): Promise<void> {
    for (let done = 0;;) {
      const line = await this.#in.line(LINE);
      const size = /^[0-9a-f]{1,8}(?=[ \t;]|$)/i.exec(line)?.[0];
      if (size === undefined) throw new Error("a chunk of no sense");
      const n = parseInt(size, 16);
      if (done + n > into.length) throw new Error("an answer of another length");
      if (n === 0) {
        if (done < into.length) throw new Error("an answer of another length");
        for (let t = 0; await this.#in.line(LINE) !== ""; t++) if (t > LINES) throw new Error("an answer without end");
        return;
      }
      await this.#in.fill(into.subarray(done, done += n));
      if (await this.#in.line(2) !== "") throw new Error("a chunk of no sense");
    }
  }
  close(): void {
    this.#fresh = false;
    this.#in.close();
  }
}
/** What comes of `work`; an Error "timed out" when nothing does in time, and what comes later is closed. */
async function inTime(sys: Sys, ms: number, work: Promise<Channel>): Promise<Channel> {
  let late = false;
  let cancel = () => {};
  const timer = new Promise<never>((_, reject) => {
    cancel = sys.callout(ms, () => {
      late = true;
      reject(new Error("timed out"));
    });
  });
  work.then((channel) => late && channel.close(), () => {});
  return await Promise.race([work, timer]).finally(cancel);
}
