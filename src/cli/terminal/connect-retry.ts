import { setTimeout as wait } from 'node:timers/promises'

import { BrokerError } from '../../base/errors.ts'
import type { Transport } from '../../sdk/index.ts'
import type { Terminal } from './terminal.ts'

/** Starting a broker takes about a second, and `npm start &` returns at once. */
const RETRY_FOR_MS = 3000
const RETRY_INTERVAL_MS = 100

/**
 * A transport that retries the connection for `retryForMs`, because the broker may still be starting. On a terminal only:
 * a script, or the completion of a shell, gets `unreachable` at once.
 */
export function withConnectRetry(
  { errors }: Terminal,
  transport: Transport,
  retryForMs = RETRY_FOR_MS,
): Transport {
  if (!errors.isTTY) return transport
  return async (request) => {
    for (const deadline = performance.now() + retryForMs; ;) {
      try {
        return await transport(request)
      } catch (thrown) {
        if (!isNotListening(thrown) || performance.now() > deadline) throw thrown
        await wait(RETRY_INTERVAL_MS)
        request.signal?.throwIfAborted()
      }
    }
  }
}

/** The connection was refused, so nothing has been sent and a retry cannot run the request twice. */
function isNotListening(thrown: unknown): boolean {
  const cause = thrown instanceof BrokerError && thrown.code === 'unreachable' ? thrown.cause : undefined
  return (
    cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED')
  )
}
