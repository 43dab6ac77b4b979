/** An image on a web server: found, by whatever redirects lead to it, and read by ranges as long as it stays what it is. */
import type { Sys } from "../../src/plugin.ts";
import { Connection, type Head, type Trust } from "./connection.ts";
import { fieldsIn } from "./fields.ts";
import type { HttpOptions } from "./options.ts";
import { type Place, placeOf, sameServer } from "./place.ts";
import { Refused } from "./refused.ts";

export { Refused };

/** One server after the other, until one answers. */
const REDIRECTS = 5;
/** Connections kept for the next requests. */
const KEPT = 2;
/** Milliseconds before the first repetition; each next one waits twice as long. */
const PAUSE_MS = 100;
/** A range may take so often as long as a silence may. */
const SLOWEST = 20;

/** Which image it is, as far as the server tells. */
interface Version {
  readonly size: number;
  readonly etag: string | undefined;
  readonly modified: string | undefined;
}
type Field = readonly [name: string, value: string];

export class Image {
  readonly #sys: Sys;
  readonly #asked: Place;
  readonly #trust: Trust;
  readonly #retries: number;
  /** Sent to the server that was asked for, and to no other. */
  readonly #secret: readonly Field[];
  /** Where it was found. */
  #place: Place;
  #version: Version | undefined;
  #idle: Connection[] = [];
  /** Why it is not the same any more. */
  #changed: string | undefined;

  private constructor(sys: Sys, place: Place, o: HttpOptions) {
    const read = (path: string | undefined) => (path === undefined ? undefined : textOf(sys, path));
    const ca = read(o.cafile);
    this.#sys = sys;
    this.#asked = this.#place = place;
    this.#retries = o.retries;
    this.#trust = { ...ca !== undefined && { ca }, timeoutMs: o.timeout * 1000 };
    const { authorization } = place;
    this.#secret = [
      ...authorization === undefined ? [] : [["Authorization", authorization] as const],
      ...fieldsIn(read(o.header) ?? ""),
    ];
  }
  /** Find it. Rejects with Refused, or an errno of the connection. */
  static async open(sys: Sys, place: Place, options: HttpOptions): Promise<Image> {
    const image = new Image(sys, place, options);
    // Whom nobody ever reached is not tried again.
    const unreachable = (e: unknown) => typeof (e as { errno?: unknown }).errno === "number";
    await image.#patiently(() => image.#find(), unreachable);
    return image;
  }
  get size(): number {
    return this.#version!.size;
  }
  /** Fill `into` from `offset`. Rejects with an Error that says why not, after some attempts. */
  async read(into: Uint8Array, offset: number): Promise<void> {
    await this.#patiently(() => this.#range(into, offset));
  }
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
  }
  async #patiently(work: () => Promise<void>, isFinal = (_: unknown) => false): Promise<void> {
    for (let attempt = 0;; attempt++) {
      try {
        if (this.#changed !== undefined) throw new Refused(this.#changed);
        return await work();
      } catch (e) {
        if (e instanceof Refused || isFinal(e) || attempt >= this.#retries) throw e;
        await this.#pause(Math.min(PAUSE_MS * 2 ** attempt, this.#trust.timeoutMs));
      }
    }
  }
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#sys.callout(ms, resolve));
  }
  /** Follow redirects to the image, and see what it is. */
  async #find(): Promise<void> {
    this.close();
    this.#place = this.#asked;
    for (let n = 0; n <= REDIRECTS; n++) {
      const byte = new Uint8Array(1);
      const head = await this.#ask(byte, 0);
      const to = head.fields.get("location");
      if (!isRedirect(head) || to === undefined) return this.#found(head);
      const next = placeOf(to, this.#place);
      if (this.#place.secure && !next.secure) throw new Refused("a redirect from https to http is not followed");
      this.close();
      this.#place = next;
    }
    throw new Refused("too many redirects");
  }
  #found(head: Head): void {
    if (head.status === 416 || head.fields.get("content-length") === "0") throw new Refused("empty");
    if (head.status === 200) throw new Refused("the server gives no ranges: download the image first");
    const version = versionOf(head, 0, 0);
    if (!version) throw new Refused("the server gives ranges of no sense");
    if (this.#version) return this.#same(version);
    this.#version = version;
    if (!version.etag && !version.modified) this.#sys.log("http: the server does not tell when an image changes");
  }
  #same({ size, etag, modified }: Version): void {
    const was = this.#version!;
    const differs = (a: string | undefined, b: string | undefined) => a !== undefined && b !== undefined && a !== b;
    const changed = size !== was.size || differs(etag, was.etag) || (!etag && differs(modified, was.modified));
    if (changed) this.#fail();
  }
  #fail(): never {
    throw new Refused(this.#changed = "the image has changed on the server");
  }
  async #range(into: Uint8Array, offset: number): Promise<void> {
    let head = await this.#ask(into, offset);
    // It was elsewhere for a time, by a signature that holds no longer.
    if (isRedirect(head) || (head.status === 403 && this.#place !== this.#asked)) {
      await this.#find();
      head = await this.#ask(into, offset);
    }
    if (head.status === 416 || head.status === 412) this.#fail();
    const version = versionOf(head, offset, offset + into.length - 1);
    if (version) return this.#same(version);
    if (head.status === 200) this.#fail();
    throw new Error("the server gives ranges of no sense");
  }
  /** Ask for a range, and take it where it is given. */
  async #ask(into: Uint8Array, offset: number): Promise<Head> {
    const place = this.#place;
    let connection = this.#idle.pop();
    while (connection && !connection.usable) {
      connection.close();
      connection = this.#idle.pop();
    }
    connection ??= await Connection.open(this.#sys, place, this.#trust);
    const slow = this.#sys.callout(this.#trust.timeoutMs * SLOWEST, () => connection.close());
    try {
      const head = await connection.get(this.#fields(place, offset, offset + into.length - 1));
      refuse(head);
      if (head.status === 206 && versionOf(head, offset, offset + into.length - 1)) await connection.take(into);
      if (connection.usable && this.#idle.length < KEPT && place === this.#place) this.#idle.push(connection);
      else connection.close();
      return head;
    } catch (e) {
      connection.close();
      throw e;
    } finally {
      slow();
    }
  }
  #fields(place: Place, from: number, to: number): Field[] {
    return [
      ["User-Agent", "rump"],
      ["Range", `bytes=${from}-${to}`],
      ["Accept-Encoding", "identity"],
      ...sameServer(place, this.#asked) ? this.#secret : [],
    ];
  }
}
const isRedirect = ({ status }: Head) => [301, 302, 303, 307, 308].includes(status);
/** What an answer that has a range says of the whole; undefined: it has not. Some give more than they were asked for. */
function versionOf({ status, fields }: Head, from: number, to: number): Version | undefined {
  const [, first, last, size] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(fields.get("content-range") ?? "") ??
    [];
  const coded = fields.get("content-encoding") ?? "identity";
  if (status !== 206 || coded !== "identity" || Number(first) !== from || !(Number(last) >= to)) return undefined;
  return { size: Number(size), etag: fields.get("etag"), modified: fields.get("last-modified") };
}
const reasons: Readonly<Record<number, string>> = {
  401: "the server wants a user and a password",
  403: "the server forbids it",
  404: "there is no such file",
  407: "a proxy wants a user and a password",
  410: "there is no such file any more",
};
/** Throws for an answer that is none to what was asked: Refused, if it will stay so. */
function refuse({ status }: Head): void {
  const words = reasons[status] ?? (status >= 500 || status === 429 || status === 408 ? "try again later" : "refused");
  const text = `${words} (${status})`;
  if (status >= 500 || status === 429 || status === 408) throw new Error(text);
  if (status >= 400 && status !== 416 && status !== 412) throw new Refused(text);
}
function textOf(sys: Sys, path: string): string {
  try {
    return new TextDecoder().decode(sys.file(path));
  } catch (e) {
    throw new Refused(`${path}: ${(e as Error).message.toLowerCase()}`);
  }
}
