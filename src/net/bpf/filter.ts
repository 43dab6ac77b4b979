/** The classic BPF machine (McCanne and Jacobson 1993; bpf(4); NetBSD: bpf_filter.c): programs are checked once, then run on packets. */
import { BPF, BPF_MAXINSNS, BPF_MEMWORDS, BpfInsn, type Insn } from "../../abi/bpf.ts";

const CLASS = 7;
const LD = 0;
const LDX = 1;
const RET = 6;
const OPERATION = 0xf0;
const SHIFTS = 31;

const known = new Set<number>([
  BPF.LD_W_ABS,
  BPF.LD_H_ABS,
  BPF.LD_B_ABS,
  BPF.LD_W_IND,
  BPF.LD_H_IND,
  BPF.LD_B_IND,
  BPF.LD_IMM,
  BPF.LD_LEN,
  BPF.LD_MEM,
  BPF.LDX_IMM,
  BPF.LDX_LEN,
  BPF.LDX_MEM,
  BPF.LDX_MSH,
  BPF.ST,
  BPF.STX,
  BPF.RET_K,
  BPF.RET_A,
  BPF.TAX,
  BPF.TXA,
  BPF.JMP | BPF.JA,
  BPF.ALU | BPF.NEG,
  ...[BPF.JEQ, BPF.JGT, BPF.JGE, BPF.JSET].flatMap((op) => [BPF.JMP | op, BPF.JMP | op | BPF.X]),
  ...[BPF.ADD, BPF.SUB, BPF.MUL, BPF.DIV, BPF.OR, BPF.AND, BPF.LSH, BPF.RSH, BPF.MOD, BPF.XOR].flatMap((op) => [
    BPF.ALU | op,
    BPF.ALU | op | BPF.X,
  ]),
]);
const memory: readonly number[] = [BPF.LD_MEM, BPF.LDX_MEM, BPF.ST, BPF.STX];

function isValid({ code, jt, jf, k }: Insn, left: number): boolean {
  if (!known.has(code)) return false;
  if (memory.includes(code)) return k < BPF_MEMWORDS;
  if ((code & CLASS) === BPF.ALU) {
    const op = code & OPERATION;
    return (code & BPF.X) !== 0 || k !== 0 || (op !== BPF.DIV && op !== BPF.MOD);
  }
  if ((code & CLASS) !== BPF.JMP) return true;
  return (code & OPERATION) === BPF.JA ? k < left : jt < left && jf < left;
}
/** The instructions in memory; undefined: they are no program. Jumps go forward, so that every one of them ends. */
export function parseProgram(memory: Uint8Array): Insn[] | undefined {
  const count = memory.length / BpfInsn.size;
  if (!Number.isInteger(count) || count < 1 || count > BPF_MAXINSNS) return undefined;
  const d = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const program = Array.from({ length: count }, (_, i) => BpfInsn.dump(d, i * BpfInsn.size));
  if (!program.every((insn, i) => isValid(insn, count - 1 - i))) return undefined;
  return (program.at(-1)!.code & CLASS) === RET ? program : undefined;
}

/** A program that has been checked. */
export class Filter {
  readonly #program: readonly Insn[];
  readonly #memory = new Uint32Array(BPF_MEMWORDS);

  constructor(program: readonly Insn[]) {
    this.#program = program;
  }
  /** How many bytes of a packet are wanted; 0: it is not. */
  run(p: Uint8Array): number {
    const program = this.#program;
    let [a, x] = [0, 0];
    this.#memory.fill(0);
    for (let pc = 0; pc < program.length; pc++) {
      const { code, jt, jf, k } = program[pc]!;
      switch (code & CLASS) {
        case LD:
        case LDX: {
          const value = this.#load(code, k, x, p);
          if (value < 0) return 0; // beyond the packet
          if ((code & CLASS) === LD) a = value;
          else x = value;
          break;
        }
        case BPF.ST:
          this.#memory[k] = a;
          break;
        case BPF.STX:
          this.#memory[k] = x;
          break;
        case BPF.ALU: {
          const other = code & BPF.X ? x : k;
          if (other === 0 && isDivision(code)) return 0;
          a = compute(code & OPERATION, a, other);
          break;
        }
        case BPF.JMP:
          pc += (code & OPERATION) === BPF.JA ? k : holds(code & OPERATION, a, code & BPF.X ? x : k) ? jt : jf;
          break;
        case RET:
          return code === BPF.RET_A ? a : k;
        default:
          if (code === BPF.TAX) x = a;
          else a = x;
      }
    }
    return 0;
  }
  /** -1: there is no such byte. */
  #load(code: number, k: number, x: number, p: Uint8Array): number {
    switch (code) {
      case BPF.LD_IMM:
      case BPF.LDX_IMM:
        return k;
      case BPF.LD_LEN:
      case BPF.LDX_LEN:
        return p.length;
      case BPF.LD_MEM:
      case BPF.LDX_MEM:
        return this.#memory[k]!;
      case BPF.LDX_MSH:
        return k < p.length ? (p[k]! & 15) * 4 : -1;
      case BPF.LD_W_ABS:
        return word(p, k);
      case BPF.LD_W_IND:
        return word(p, k + x);
      case BPF.LD_H_ABS:
        return half(p, k);
      case BPF.LD_H_IND:
        return half(p, k + x);
      case BPF.LD_B_ABS:
        return k < p.length ? p[k]! : -1;
      default:
        return k + x < p.length ? p[k + x]! : -1;
    }
  }
}
const half = (p: Uint8Array, at: number): number => (at + 2 <= p.length ? (p[at]! << 8) | p[at + 1]! : -1);
const word = (p: Uint8Array, at: number): number => at + 4 <= p.length ? half(p, at) * 0x1_0000 + half(p, at + 2) : -1;
const isDivision = (code: number): boolean => (code & OPERATION) === BPF.DIV || (code & OPERATION) === BPF.MOD;

/** Of 32 bits, unsigned. */
function compute(op: number, a: number, k: number): number {
  switch (op) {
    case BPF.ADD:
      return (a + k) >>> 0;
    case BPF.SUB:
      return (a - k) >>> 0;
    case BPF.MUL:
      return Math.imul(a, k) >>> 0;
    case BPF.DIV:
      return Math.floor(a / k);
    case BPF.MOD:
      return a % k;
    case BPF.OR:
      return (a | k) >>> 0;
    case BPF.AND:
      return (a & k) >>> 0;
    case BPF.XOR:
      return (a ^ k) >>> 0;
    case BPF.LSH:
      return k > SHIFTS ? 0 : (a << k) >>> 0;
    case BPF.RSH:
      return k > SHIFTS ? 0 : a >>> k;
    default:
      return -a >>> 0; // NEG
  }
}
function holds(op: number, a: number, k: number): boolean {
  switch (op) {
    case BPF.JEQ:
      return a === k;
    case BPF.JGT:
      return a > k;
    case BPF.JGE:
      return a >= k;
    default:
      return (a & k) !== 0; // JSET
  }
}
