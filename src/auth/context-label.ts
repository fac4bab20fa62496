import { BrokerError } from '../base/errors.ts'

const LABEL = /^[A-Za-z0-9._:-]{1,64}$/

/**
 * Reads the value of `X-Hero-Context`. Hero's front sends a number, its inner services send names, so it stays an opaque
 * short word. An unreadable one is refused: guessing a context would book money under the wrong name.
 */
export function readContextLabel(value: string): string {
  if (LABEL.test(value)) return value
  throw new BrokerError(
    'bad-context',
    'X-Hero-Context must be 1 to 64 letters, digits, “.”, “_”, “:” or “-”, sent once; leave it out for no context',
  )
}
