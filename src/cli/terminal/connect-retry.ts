import { setTimeout as wait } from 'node:timers/promises'

import { BrokerError } from '../../base/errors.ts'
import type { Transport } from '../../sdk/index.ts'
import type { Terminal } from './terminal.ts'

/** A start takes about a second, and `npm start &` comes back at once. */
const FOR_MS = 3000
const EVERY_MS = 100

/**
 * A transport that gives a broker which is just being started the time for it. Only for a person: whoever runs us from a
 * script, or from the completion of a shell, hears at once that nobody is there.
 */
export function withPatience({ errors }: Terminal, transport: Transport, forMs = FOR_MS): Transport {
  if (!errors.isTTY) return transport
  return async (request) => {
    for (const deadline = performance.now() + forMs; ;) {
      try {
        return await transport(request)
      } catch (thrown) {
        if (!isNotThereYet(thrown) || performance.now() > deadline) throw thrown
        await wait(EVERY_MS)
        request.signal?.throwIfAborted()
      }
    }
  }
}

/** Nothing has been sent, so that asking again asks once. */
function isNotThereYet(thrown: unknown): boolean {
  const cause = thrown instanceof BrokerError && thrown.code === 'unreachable' ? thrown.cause : undefined
  return (
    cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED')
  )
}
