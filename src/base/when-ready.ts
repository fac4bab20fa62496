/**
 * Passes a value on: at once when it is there, otherwise when its promise resolves. For values that are nearly always
 * there, where an `await` would cost every request a promise and a turn of the microtask queue.
 */
export function whenReady<T, R>(value: T | Promise<T>, use: (value: T) => R): R | Promise<Awaited<R>> {
  return value instanceof Promise ? (value.then(use) as Promise<Awaited<R>>) : use(value)
}
