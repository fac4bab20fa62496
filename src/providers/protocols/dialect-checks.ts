import { BrokerError } from '../../base/errors.ts'
import type { DialectName } from '../../dialects/chat-vocabulary.ts'
import type { ProviderRequest } from '../provider.ts'
import type { EncodeFacts } from './protocol.ts'

/** Whether the caller wrote the request in this dialect, so that its bytes can pass. */
export function isWrittenIn(dialect: DialectName, { body }: ProviderRequest): boolean {
  return body.source?.dialect === dialect
}

/** The error for a route that a protocol has no place for; the next candidate is tried. */
export function notServed({ route }: ProviderRequest, { definition }: EncodeFacts): BrokerError {
  return new BrokerError('not-carried', `${definition.displayName} serves no ${route}`, {
    details: { isUnsent: true },
  })
}

/** The failure of a provider that responded with status 200 to no avail, with the beginning of its body. */
export function unusable(message: string, provider: string, body: string): BrokerError {
  return new BrokerError('upstream-failed', message, {
    details: { provider, status: 200, raw: body.slice(0, 500) },
  })
}
