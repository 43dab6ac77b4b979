/** A transfer that goes over several units (clusters, blocks, grains): one piece in each. */
export function eachUnit(
  bytes: Uint8Array,
  offset: number,
  size: number,
  work: (unit: number, part: Uint8Array, from: number) => void,
): void {
  for (let done = 0; done < bytes.length;) {
    const at = offset + done;
    const unit = Math.floor(at / size);
    const from = at - unit * size;
    const part = bytes.subarray(done, done + Math.min(bytes.length - done, size - from));
    work(unit, part, from);
    done += part.length;
  }
}
