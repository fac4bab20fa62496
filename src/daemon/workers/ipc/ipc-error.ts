import { asBrokerError, BrokerError } from '../../../base/errors.ts'
import type { ToldError } from './ipc-messages.ts'

/** As plain data; the cause stays where it happened. */
export function toldError(thrown: unknown): ToldError {
  const { code, message, details } = asBrokerError(thrown)
  return { code, message, details }
}

export function errorTold({ code, message, details }: ToldError): BrokerError {
  return new BrokerError(code, message, { details })
}
