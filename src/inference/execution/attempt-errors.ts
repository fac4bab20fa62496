import { ERRORS, withDetails, type BrokerError } from '../../base/errors.ts'
import type { RequestRecord } from './request-record.ts'

/**
 * The error of the last attempt, with the earlier ones in its metadata in OpenRouter's form. The metadata also states that
 * the request may cost something although it failed, which a broker that is our client has to know.
 */
export function withEarlierErrors(
  error: BrokerError,
  { errors, mayOwe }: Pick<RequestRecord, 'errors' | 'mayOwe'>,
): BrokerError {
  const earlier = errors.filter((other) => other !== error)
  if (earlier.length === 0 && !mayOwe) return error
  const previous_errors = earlier.map(({ code, message, details: { provider, raw, status } }) => ({
    code: status ?? ERRORS[code].http,
    message,
    provider_name: provider,
    raw,
  }))
  const combined = addMetadata(error, earlier.length > 0 ? { previous_errors } : {})
  return mayOwe ? mayCost(combined) : combined
}

/** The error with `may_cost` in its metadata: the request may have to be paid although it failed. */
export function mayCost(error: BrokerError): BrokerError {
  return addMetadata(error, { may_cost: true })
}

function addMetadata(error: BrokerError, more: object): BrokerError {
  return withDetails(error, { metadata: { ...error.details.metadata, ...more } })
}
