import { BrokerError } from '../../base/errors.ts'

/** What the system says when it is we who have too much open; the provider has no part in it. */
const OUR_LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])

/** The error for a connection that couldn't be opened because of us; `undefined` when it wasn't. */
export function ourLimit(cause: Error | undefined): BrokerError | undefined {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  if (code === undefined || !OUR_LIMITS.has(code)) return undefined
  const message = `this broker can open no more connections (${code}): raise its limit of open files`
  return new BrokerError('overloaded', message, { cause, details: { retryAfter: 1 } })
}
