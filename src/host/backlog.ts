/** Bytes that wait for slow peers, over all streams of this process: a bound for each, and one for all, beyond which the longest goes. */
/** Who lets more come together than `send` asked for is cut off. */
const EACH = 64 << 20;
const ALL = 256 << 20;

/** A stream with bytes that could not go at once. */
export interface Slow {
  close(): void;
}
const waiting = new Map<Slow, number>();
let all = 0;

/** So many bytes of a stream wait now; it is closed, or another one is, if that is too much. */
export function backlog(stream: Slow, bytes: number): void {
  all += bytes - (waiting.get(stream) ?? 0);
  if (bytes === 0) waiting.delete(stream);
  else waiting.set(stream, bytes);
  if (bytes > EACH) cut(stream);
  while (all > ALL) cut(longest());
}
function cut(stream: Slow): void {
  backlog(stream, 0);
  stream.close();
}
function longest(): Slow {
  const [first, ...others] = waiting;
  return others.reduce((most, one) => (one[1] > most[1] ? one : most), first!)[0];
}
