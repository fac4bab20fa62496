import { BrokerError } from '../../../base/errors.ts'

/** An error of a field, which OpenAI's clients find in `error.param`. */
export function invalid(field: string, problem: string): BrokerError {
  return new BrokerError('bad-request', `Invalid value for '${field}': ${problem}`, { details: { field } })
}
