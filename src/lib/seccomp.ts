/** Programs for seccomp(2) in the kernel's classic BPF (linux/filter.h, linux/seccomp.h). */

/** Loads of struct seccomp_data; jumps by how many instructions to leave out; ends. */
export const LD = 0x20; // BPF_LD | BPF_W | BPF_ABS
export const AND = 0x54;
export const JEQ = 0x15;
export const JGE = 0x35;
export const JSET = 0x45;
export const RET = 0x06;
/** struct seccomp_data: nr, arch, instruction_pointer, args[6]; the low half of an argument comes first. */
export const NR = 0;
export const ARCH = 4;
export const argumentAt = (i: number): number => 16 + 8 * i;
/** Ends (SECCOMP_RET_*); an errno is in the low bits of ERRNO. */
export const ALLOW = 0x7fff0000;
export const NOTIFY = 0x7fc00000;
export const ERRNO = 0x00050000;
export const KILL = 0x80000000;
/** AUDIT_ARCH_* by node's names of machines. */
export const architectures = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
export type Machine = keyof typeof architectures;
/** Numbers from here on are x32's, on x86-64. */
export const X32 = 0x40000000;

/** struct sock_filter: `yes` and `no` are how many instructions a jump leaves out. */
export type Instruction = readonly [code: number, yes: number, no: number, k: number];

/** struct sock_filter[], 8 bytes each. */
export function assemble(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const d = new DataView(new ArrayBuffer(program.length * 8));
  for (const [i, [code, yes, no, k]] of program.entries()) {
    d.setUint16(i * 8, code, true);
    d.setUint8(i * 8 + 2, yes);
    d.setUint8(i * 8 + 3, no);
    d.setUint32(i * 8 + 4, k, true);
  }
  return new Uint8Array(d.buffer);
}
