import { BrokerError } from '../../../base/errors.ts'

/** An error of a field, in Google's form: the field first. */
export function invalid(field: string, problem: string): BrokerError {
  return new BrokerError('bad-request', `${field}: ${problem}`)
}
