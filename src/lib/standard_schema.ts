/** A validator as any library makes it (standardschema.dev, version 1): valibot, zod, arktype, or thirty lines by hand. */

export interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
export type Checked<T> = { readonly value: T; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

/** Checks a value from outside, and makes a T of it. */
export interface Schema<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): Checked<T> | Promise<Checked<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
    /** Standard JSON Schema, which some libraries have: what the options are, for `--help`. */
    readonly jsonSchema?: { input(how: { readonly target: string }): Record<string, unknown> } | undefined;
  };
}

/** What is wrong, in one line: `size: Invalid type: Expected number`. */
export function issueText({ message, path = [] }: Issue): string {
  const keys = path.map((p) => String(typeof p === "object" ? p.key : p));
  return `${keys.length > 0 ? `${keys.join(".")}: ` : ""}${message}`.replace(/\s+/g, " ");
}
