import { ERRORS, withDetails, type BrokerError } from '../../base/errors.ts'
import type { AnswerRecord } from './request-record.ts'

/**
 * The error of the last attempt, with those before it in its metadata, as OpenRouter tells them, and that it may cost
 * something all the same, which a broker that asked us has to know.
 */
export function asTold(
  error: BrokerError,
  { errors, mayOwe }: Pick<AnswerRecord, 'errors' | 'mayOwe'>,
): BrokerError {
  const earlier = errors.filter((other) => other !== error)
  if (earlier.length === 0 && !mayOwe) return error
  const previous_errors = earlier.map(({ code, message, details: { provider, raw, status } }) => ({
    code: status ?? ERRORS[code].http,
    message,
    provider_name: provider,
    raw,
  }))
  const told = withMetadata(error, earlier.length > 0 ? { previous_errors } : {})
  return mayOwe ? mayCost(told) : told
}

/** The same, with the word that it may have to be paid although it failed. */
export function mayCost(error: BrokerError): BrokerError {
  return withMetadata(error, { may_cost: true })
}

function withMetadata(error: BrokerError, more: object): BrokerError {
  return withDetails(error, { metadata: { ...error.details.metadata, ...more } })
}
