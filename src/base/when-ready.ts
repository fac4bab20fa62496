/**
 * Passes a value on: at once when it is there, otherwise when its promise resolves. For values that are nearly always
 * there, where an `await` would cost every request a promise and a turn of the microtask queue.
 */
export function whenReady<T, R>(value: T | Promise<T>, next: (value: T) => R): R | Promise<Awaited<R>> {
  return value instanceof Promise ? (value.then(next) as Promise<Awaited<R>>) : next(value)
}
