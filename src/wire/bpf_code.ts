/** Conditions about packets made a program of BPF: jumps go where a condition holds, or to where it does not. */
import { BPF, BPF_MAXINSNS, type Insn } from "../abi/bpf.ts";

/** A place in a program, known when it is put there. */
export class Label {
  at = -1;
}
/** Longest way of a conditional jump. */
const FAR = 255;
interface Pending {
  readonly code: number;
  readonly k: number;
  readonly yes?: Label;
  readonly no?: Label;
}
export class Assembler {
  readonly #all: Pending[] = [];

  /** An instruction that only computes. */
  do(code: number, k = 0): void {
    this.#all.push({ code, k });
  }
  /** Go on where a comparison of A leads. */
  jump(op: number, k: number, yes: Label, no: Label): void {
    this.#all.push({ code: BPF.JMP | op, k, yes, no });
  }
  go(to: Label): void {
    this.#all.push({ code: BPF.JMP | BPF.JA, k: 0, yes: to });
  }
  place(label: Label): void {
    label.at = this.#all.length;
  }
  /** The program. Undefined: it is too long. */
  finish(): Insn[] | undefined {
    const program = this.#all.map(({ code, k, yes, no }, i) => {
      const [jt, jf] = [yes, no].map((to) => (to ? to.at - i - 1 : 0)) as [number, number];
      return code === (BPF.JMP | BPF.JA) ? { code, k: jt, jt: 0, jf: 0 } : { code, k, jt, jf };
    });
    const fits = program.length <= BPF_MAXINSNS && program.every((insn) => insn.jt <= FAR && insn.jf <= FAR);
    return fits ? program : undefined;
  }
}
/** Emits what decides, and goes to one of two places. */
export type Condition = (a: Assembler, yes: Label, no: Label) => void;

export const both = (first: Condition, second: Condition): Condition => (a, yes, no) => {
  const next = new Label();
  first(a, next, no);
  a.place(next);
  second(a, yes, no);
};
export const either = (first: Condition, second: Condition): Condition => (a, yes, no) => {
  const next = new Label();
  first(a, yes, next);
  a.place(next);
  second(a, yes, no);
};
export const not = (of: Condition): Condition => (a, yes, no) => of(a, no, yes);
export const never: Condition = (a, _yes, no) => a.go(no);
export const all = (list: readonly Condition[]): Condition => list.reduce(both);
export const any = (list: readonly Condition[]): Condition => list.reduce(either, never);

/** What is loaded, and all bits of a mask of it are a value's. */
export const equals = (load: number, at: number, value: number, mask = 0xffff_ffff): Condition => (a, yes, no) => {
  a.do(load, at);
  if (mask !== 0xffff_ffff) a.do(BPF.ALU | BPF.AND, mask);
  a.jump(BPF.JEQ, value, yes, no);
};
/** A program that takes `length` bytes of each packet for which a condition holds. Undefined: it is too long. */
export function programOf(condition: Condition, length: number): Insn[] | undefined {
  const [a, yes, no] = [new Assembler(), new Label(), new Label()];
  condition(a, yes, no);
  a.place(yes);
  a.do(BPF.RET_K, length);
  a.place(no);
  a.do(BPF.RET_K, 0);
  return a.finish();
}
