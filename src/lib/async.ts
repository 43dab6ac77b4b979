/** A value now or later: what is at hand is never put through a microtask. */
export type Async<T> = T | Promise<T>;

/** Go on with a value, at once when it is there: `then(vol.lookup(dir, name), (node) => …)`. */
export function then<T, R>(value: Async<T>, next: (value: T) => Async<R>): Async<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Do `work`; where it fails, `undo` comes before the failure is thrown. */
export function otherwise<T>(work: () => Async<T>, undo: () => void): Async<T> {
  const failed = (e: unknown): never => {
    undo();
    throw e;
  };
  try {
    const value = work();
    return value instanceof Promise ? value.catch(failed) : value;
  } catch (e) {
    return failed(e);
  }
}

/** Do `work`, then `after` whatever came of it: its value is given, its failure thrown, when `after` is done. */
export function lastly<T>(work: () => Async<T>, after: () => Async<unknown>): Async<T> {
  const failed = (e: unknown): Async<never> =>
    then(after(), () => {
      throw e;
    });
  let value: Async<T>;
  try {
    value = work();
  } catch (e) {
    return failed(e);
  }
  if (value instanceof Promise) return value.then((v) => then(after(), () => v), failed);
  const done = value;
  return then(after(), () => done);
}

/** Do something for 0 … count - 1, one after the other. */
export function times(count: number, work: (i: number) => Async<void>, from = 0): Async<void> {
  for (let i = from; i < count; i++) {
    const done = work(i);
    if (done instanceof Promise) return done.then(() => times(count, work, i + 1));
  }
}
/** What `work` gives, through `found`; undefined when it fails with `miss`. */
export function missing<T, R>(work: () => Async<T>, found: (value: T) => R, miss: unknown): Async<R | undefined> {
  const failed = (e: unknown) => {
    if (e !== miss) throw e;
    return undefined;
  };
  try {
    const value = work();
    return value instanceof Promise ? value.then(found, failed) : found(value);
  } catch (e) {
    return failed(e);
  }
}
