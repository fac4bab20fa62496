/**
 * Whether a value is still a promise. For values that are nearly always there at once, where an `await` would cost every
 * request a promise and a turn of the microtask queue.
 */
export function isPending<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise
}
