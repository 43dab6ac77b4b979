/** Names (exFAT specification, 7.7.3): what can be one, how it is shown and compared. */
import type { Errnos } from "../../src/plugin.ts";
import { LONGEST_NAME, nameHash } from "./entries.ts";
import { upcased } from "./upcase.ts";

// deno-lint-ignore no-control-regex -- control characters are among it
const WRONG = /[\x00-\x1f"*/:<>?\\|]/;
const NO_TEXT = /\p{Surrogate}/u;

export class Names {
  readonly #upper: Uint16Array;
  readonly #errno: Errnos;

  constructor(upper: Uint16Array, errnos: Errnos) {
    this.#upper = upper;
    this.#errno = errnos;
  }
  /** Equal for names that are the same. */
  fold(name: string): string {
    return upcased(name, this.#upper);
  }
  hash(name: string): number {
    return nameHash(this.fold(name));
  }
  /** EINVAL or ENAMETOOLONG for what cannot be a new name. */
  check(name: string): void {
    if (name.length > LONGEST_NAME) throw this.#errno.ENAMETOOLONG;
    if (WRONG.test(name) || NO_TEXT.test(name)) throw this.#errno.EINVAL;
  }
  /** What stands in a directory, as a name that can be asked for. */
  show(name: string): string {
    if (name === "." || name === "..") return name.replaceAll(".", "\ufffd");
    return name.replace(/\p{Surrogate}|[/\0]/gu, "\ufffd");
  }
}
