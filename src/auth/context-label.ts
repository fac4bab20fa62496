import { BrokerError } from '../base/errors.ts'

const LABEL = /^[A-Za-z0-9._:-]{1,64}$/

/**
 * Validates the value of `X-Hero-Context`. Hero's front end sends a number and its inner services send names, so it is an
 * opaque short word. Throws `bad-context` for anything else: a guessed context would charge the wrong payer.
 */
export function readContextLabel(value: string): string {
  if (LABEL.test(value)) return value
  throw new BrokerError(
    'bad-context',
    'X-Hero-Context must be 1 to 64 letters, digits, “.”, “_”, “:” or “-”, sent once; leave it out for no context',
  )
}
