/** What both processes of the test of shared memory do. */
/** Each round both store and then load the other's: one of them must see it (the store buffer's litmus test). */
export function litmus(words: Int32Array, me: 0 | 1): void {
  const [mine, other] = me === 0 ? [0, 16] : [16, 0];
  for (let i = 1; i <= 2000; i++) {
    Atomics.store(words, mine + 32, i);
    while (Atomics.load(words, other + 32) < i) { /* both begin together */ }
    Atomics.store(words, mine, i);
    words[1024 + me * 4096 + i] = Atomics.load(words, other);
  }
}
