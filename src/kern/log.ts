/** The kernel's log: the last lines for dmesg(8), and a console that shows them as they come. */

/** Lines kept for those who come later. */
const KEPT = 500;

export class Log {
  readonly #lines: string[] = [];
  /** Where lines go at once: the server's standard error, syslog, a file. */
  console: (line: string) => void = () => {};

  /** One line; control characters are made visible so that a name from an image cannot forge log lines. */
  readonly write = (text: string): void => {
    // deno-lint-ignore no-control-regex -- that is what is looked for
    const line = text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
    this.#lines.push(line);
    if (this.#lines.length > KEPT) this.#lines.shift();
    this.console(line);
  };
  get lines(): readonly string[] {
    return this.#lines;
  }
}
