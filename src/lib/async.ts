/** A value now or later: what is at hand is never put through a microtask. */
export type Async<T> = T | Promise<T>;

/** Go on with a value, at once when it is there: `then(vol.lookup(dir, name), (node) => …)`. */
export function then<T, R>(value: Async<T>, next: (value: T) => Async<R>): Async<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
