import { BrokerError } from '../../base/errors.ts'

/** Error codes of the system for limits of this host; the provider is not the cause. */
const RESOURCE_ERRORS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])

/** The error for a connection that failed at a limit of this host; `undefined` for other causes. */
export function resourceLimitError(cause: Error | undefined): BrokerError | undefined {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException
  if (code === undefined || !RESOURCE_ERRORS.has(code)) return undefined
  const message = `this broker can open no more connections (${code}): raise its limit of open files`
  return new BrokerError('overloaded', message, { cause, details: { retryAfter: 1 } })
}
