/** What a check says: lines for people with a question each, or one JSON document; how far it is, on a terminal. */
import type { Host } from "../../host/host.ts";
import type { CheckResult, Finding } from "../../plugin.ts";

/** How questions are answered. */
export type Mode = "no" | "yes" | "preen" | "ask";

export class Report {
  readonly #host: Host;
  readonly #image: string;
  readonly #mode: Mode;
  readonly #json: boolean;
  /** Findings that stay, and those that were mended. */
  left = 0;
  mended = 0;
  #phases = 0;
  #phase = "";
  #shown = false;

  constructor(host: Host, image: string, how: { readonly mode: Mode; readonly json: boolean; readonly type: string }) {
    this.#host = host;
    this.#image = image;
    this.#mode = how.mode;
    this.#json = how.json;
    if (this.#json) host.out(`{"image":${JSON.stringify(image)},"type":${JSON.stringify(how.type)},"findings":[`);
    else if (how.mode !== "preen") host.out(`** ${printable(image)}${how.mode === "no" ? " (NO WRITE)" : ""}\n`);
  }
  phase(name: string): void {
    this.#phase = name;
    this.#erase();
    this.#phases++;
    if (!this.#json && this.#mode !== "preen") this.#host.out(`** Phase ${this.#phases} - ${name}\n`);
  }
  /** On a terminal only. */
  progress(part: number): void {
    if (!this.#host.isTerminal(2)) return;
    this.#host.err(`\r\x1b[K${this.#phase}: ${Math.floor(part * 100)}%`);
    this.#shown = true;
  }
  #erase(): void {
    if (this.#shown) this.#host.err("\r\x1b[K");
    this.#shown = false;
  }

  /** Say it, and whether it is to be mended. */
  found(finding: Finding, writable: boolean): boolean {
    this.#erase();
    const mend = this.#json ? writable && this.#answer(finding) : this.#question(finding, writable);
    if (this.#json) this.#row(finding, mend);
    if (mend) this.mended++;
    else this.left++;
    return mend;
  }
  #answer({ repair, safe }: Finding): boolean {
    return repair !== undefined && (this.#mode === "yes" || (this.#mode === "preen" && safe === true));
  }
  #question(finding: Finding, writable: boolean): boolean {
    this.#host.out(this.#line(finding));
    if (finding.repair === undefined) return this.#host.out("\n"), false;
    this.#host.out(`: ${printable(finding.repair)}? `);
    if (writable && this.#mode === "ask") return this.#ask();
    const mend = writable && this.#answer(finding);
    this.#host.out(mend ? "yes\n" : "no\n");
    return mend;
  }
  #ask(): boolean {
    this.#host.out("[yn] ");
    const answer = this.#host.input(256);
    if (!this.#host.isTerminal(0)) this.#host.out("\n");
    return answer !== undefined && (answer[0] === 0x79 || answer[0] === 0x59);
  }
  #line({ path, block, text }: Finding): string {
    const where = path ?? (block === undefined ? "" : `cluster ${block}`);
    const image = this.#mode === "preen" ? `${this.#image}: ` : "";
    return printable(`${image}${where}${where === "" ? "" : ": "}${text}`);
  }
  #row(finding: Finding, repaired: boolean): void {
    this.#host.out(`${this.left + this.mended > 0 ? "," : ""}\n${JSON.stringify({ ...finding, repaired })}`);
  }

  /** The end of it; `failure` when the check could not be finished. */
  end(result: CheckResult | undefined, failure?: string): void {
    this.#erase();
    const modified = this.mended > 0;
    if (this.#json) {
      const rest = {
        ...result,
        modified,
        clean: result !== undefined && this.left === 0,
        ...(failure ? { failure } : {}),
      };
      this.#host.out(`${this.left + this.mended > 0 ? "\n" : ""}],${JSON.stringify(rest).slice(1)}\n`);
      return;
    }
    const image = this.#mode === "preen" ? `${printable(this.#image)}: ` : "";
    if (result) {
      const kib = Math.floor(result.free / 1024);
      this.#host.out(`${image}${result.files} files, ${kib} free (${result.freeBlocks} clusters)\n`);
    }
    if (modified && this.#mode !== "preen") this.#host.out("\n***** FILE SYSTEM WAS MODIFIED *****\n");
    if (this.left > 0 && this.#mode === "preen") {
      this.#host.err(`${image}UNEXPECTED INCONSISTENCY; run it without -p\n`);
    }
  }
}
/** Names on a damaged volume are anything: no control characters reach the terminal. */
const printable = (text: string) => text.replace(/\p{C}/gu, "?");
