/** Names between programs and the volume: character sets, and the rules of a mount. */
import { decodeName, encodeName } from "../../src/lib/text.ts";
import type { Errnos } from "../../src/plugin.ts";
import { LFN_MAX, LOWER_BASE, LOWER_EXT } from "../../src/wire/fat.ts";
import type { CodePage } from "./codepage.ts";
import type { MsdosOptions } from "./options.ts";
import { asShort, type Short, showShort } from "./short_names.ts";
import { clean, fold } from "./spelling.ts";

// deno-lint-ignore no-control-regex -- what Windows refuses
const NOT_WINDOWS = /[\x00-\x1f"*:<>?\\|]/;
const KEEP_CASE = { lower: LOWER_BASE | LOWER_EXT, win95: 0, winnt: undefined, mixed: undefined } as const;

/** How names are on a mount. */
export class Names {
  /** Long names are shown and written. */
  readonly long: boolean;
  readonly page: CodePage;
  /** Names that differ by case are two. */
  readonly exact: boolean;
  readonly noTail: boolean;
  readonly #options: MsdosOptions;
  readonly #charset: CodePage | undefined;
  readonly #errno: Errnos;

  /** `charset` undefined: names are UTF-8. */
  constructor(options: MsdosOptions, page: CodePage, charset: CodePage | undefined, errnos: Errnos) {
    this.#options = options;
    this.long = !(options.short || options.win95 || options.gemdos);
    this.exact = this.long && options.check === "s";
    this.noTail = options.nonumtail;
    this.page = page;
    this.#charset = charset;
    this.#errno = errnos;
  }
  fold(name: string): string {
    return this.exact ? name : fold(name);
  }
  /** What a short entry shows. */
  show(short: Short, ntCase: number): string {
    if (!this.long) return showShort(short, 0, this.page).toLowerCase();
    return showShort(short, KEEP_CASE[this.#options.shortname] ?? ntCase, this.page);
  }
  /** The short name a new name can do with; undefined: it gets a long one, or has one made. */
  plain(name: string): { readonly short: Short; readonly ntCase: number } | undefined {
    const found = asShort(name);
    if (!found || !this.long) return found && { short: found.short, ntCase: 0 };
    return found.ntCase === 0 || this.#options.shortname === "winnt" ? found : undefined;
  }

  /** What a name asked for means; undefined: nothing there can have it. ENAMETOOLONG beyond 255 units. */
  fromUnix(name: string): string | undefined {
    const wanted = clean(this.#raw(name));
    if (wanted.length > LFN_MAX) throw this.#errno.ENAMETOOLONG;
    return wanted || undefined;
  }
  /** What programs get to see: a name their character set cannot say shows its short one. */
  toUnix(name: string, short: Short): string {
    if (!this.#charset) return name;
    return this.#encode(name, false) ?? this.#encode(showShort(short, 0, this.page), true)!;
  }
  #encode(name: string, replace: boolean): string | undefined {
    let bytes = "";
    for (const c of name) {
      const one = this.#charset!.encode(c);
      if (one === undefined && !replace) return undefined;
      bytes += one ?? "_";
    }
    return decodeName(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
  }
  /** The name a new entry gets; EINVAL for what FAT, or these rules, cannot hold. */
  forNew(name: string): string {
    const { EINVAL } = this.#errno;
    if (!this.#charset && !name.isWellFormed()) throw EINVAL;
    const wanted = this.fromUnix(name);
    if (wanted === undefined) throw EINVAL;
    if (this.#options.windows_names && (NOT_WINDOWS.test(name) || wanted !== this.#raw(name))) throw EINVAL;
    const strict = !this.long && (this.#options.check === "n" || this.#options.check === "s");
    if (strict && !asShort(fold(wanted))) throw EINVAL;
    return wanted;
  }
  #raw(name: string): string {
    return this.#charset ? this.#charset.decode(String.fromCharCode(...encodeName(name))) : name;
  }
}
