/** httpfs: a directory of a web server, by the listings servers make (Apache, nginx, python -m http.server) and by ranges. */
import type { FsDriver, PathAttr, PathDriver, PathNode, Sys } from "rump/plugin";
import * as v from "valibot";

const seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(86_400));
const options = v.strictObject({
  timeout: v.optional(v.pipe(seconds, v.description("seconds an answer may take")), 10),
  cache: v.optional(v.pipe(seconds, v.description("seconds listings and sizes are believed")), 5),
});
type Options = v.InferOutput<typeof options>;

/** A listing longer than this is none. */
const MOST = 8 << 20;
const encode = (path: string) => path.split("/").map(encodeURIComponent).join("/");

class Server implements PathDriver {
  readonly readOnly = true;
  readonly changing = true;
  readonly label: string;
  readonly #sys: Sys;
  readonly #options: Options;
  readonly #known = new Map<string, { readonly until: number; readonly value: Promise<unknown> }>();

  constructor(sys: Sys, url: string, o: Options) {
    this.#sys = sys;
    this.label = url.endsWith("/") ? url : `${url}/`;
    this.#options = o;
  }
  async getattr(path: string): Promise<PathAttr | undefined> {
    if (path === "") return { type: "dir", size: 0 };
    const cut = path.lastIndexOf("/") + 1;
    const type = (await this.#list(path.slice(0, Math.max(0, cut - 1)))).get(path.slice(cut));
    return type === "dir" ? { type, size: 0 } : type && await this.#remember(`file ${path}`, () => this.#head(path));
  }
  async readdir(path: string): Promise<string[]> {
    return [...(await this.#list(path)).keys()];
  }
  async read(path: string, into: Uint8Array, offset: number): Promise<number> {
    if (into.length === 0) return 0;
    const range = `bytes=${offset}-${offset + into.length - 1}`;
    const answer = await this.#fetch(path, { headers: { range } });
    if (answer.status === 416) return await this.#end(answer);
    // A server without ranges sends everything: what comes before is passed over.
    return await this.#take(answer, into, answer.status === 206 ? 0 : offset);
  }

  /** What was asked lately is not asked again. */
  #remember<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const now = this.#sys.now();
    for (const [old, { until }] of this.#known) if (until <= now) this.#known.delete(old);
    const known = this.#known.get(key);
    if (known) return known.value as Promise<T>;
    const value = ask();
    this.#known.set(key, { until: now + this.#options.cache * 1000, value });
    value.catch(() => this.#known.delete(key));
    return value;
  }
  async #fetch(path: string, how: RequestInit): Promise<Response> {
    const { errno } = this.#sys;
    const signal = AbortSignal.timeout(this.#options.timeout * 1000);
    const answer = await fetch(this.label + encode(path), { ...how, signal }).catch(() => undefined);
    if (!answer) throw errno.EIO;
    if (answer.ok || answer.status === 416) return answer;
    await answer.body?.cancel();
    throw answer.status === 404
      ? errno.ENOENT
      : answer.status === 403 || answer.status === 401
      ? errno.EACCES
      : errno.EIO;
  }
  async #head(path: string): Promise<PathAttr> {
    const { headers } = await this.#fetch(path, { method: "HEAD", headers: { "accept-encoding": "identity" } });
    const time = Date.parse(headers.get("last-modified") ?? "") / 1000;
    const size = Number(headers.get("content-length"));
    return { type: "file", size: Number.isSafeInteger(size) ? size : 0, mtime: Number.isFinite(time) ? time : 0 };
  }
  #list(path: string): Promise<Map<string, "file" | "dir">> {
    return this.#remember(`list ${path}`, async () => {
      const into = new Uint8Array(MOST);
      const n = await this.#take(await this.#fetch(path === "" ? "" : `${path}/`, {}), into, 0);
      const html = new TextDecoder().decode(into.subarray(0, n));
      const hrefs = [...html.matchAll(/<a\s[^>]*?href="([^"?#]+)"/gi)].map((m) => m[1]!.replaceAll("&amp;", "&"));
      // Only what is right below: no parent, no other place, no way out.
      const names = hrefs.filter((h) => /^[^/:]+\/?$/.test(h) && !/^\.\.?\/?$/.test(h)).map((h) => this.#decode(h));
      return new Map(
        names.map((h) => [h.replace(/\/$/, ""), h.endsWith("/") ? "dir" : "file"] as const)
          .filter(([name]) => name !== "" && !name.includes("/") && name !== "." && name !== ".."),
      );
    });
  }
  #decode(href: string): string {
    try {
      return decodeURIComponent(href);
    } catch {
      return ""; // no UTF-8
    }
  }
  /** Bytes of an answer from `skip` on, as many as fit. */
  async #take(answer: Response, into: Uint8Array, skip: number): Promise<number> {
    let at = -skip;
    try {
      for await (const part of answer.body ?? []) {
        if (at + part.length > 0 && at < into.length) {
          into.set(part.subarray(Math.max(0, -at), into.length - at), Math.max(0, at));
        }
        at += part.length;
        if (at >= into.length) break; // which cancels the rest
      }
    } catch {
      throw this.#sys.errno.EIO;
    }
    return Math.max(0, Math.min(at, into.length));
  }
  async #end(answer: Response): Promise<number> {
    await answer.body?.cancel();
    return 0;
  }
}

export default {
  kind: "fs",
  name: "httpfs",
  about: "Mount a directory of a web server.",
  readOnly: true,
  options,
  mount(sys, _device, request) {
    if (!/^https?:\/\//.test(request.source)) {
      sys.log(`httpfs: ${request.source}: not a URL`);
      throw sys.errno.EINVAL;
    }
    return sys.pathVolume(new Server(sys, request.source, request.options));
  },
} satisfies FsDriver<Options, PathNode>;
