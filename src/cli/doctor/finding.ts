import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Transport } from '../../sdk/index.ts'
import { readText } from '../../sdk/transport.ts'
import { formatMs } from '../terminal/format.ts'

/** What one look found. */
export interface Finding {
  readonly state: 'good' | 'doubtful' | 'bad'
  readonly what: string
  /** What would help. */
  readonly advice?: string | undefined
  /** The permissions that would make it good. */
  readonly mend?: { readonly path: string; readonly mode: number } | undefined
}

/** Good when it works, with the time that it took. */
export async function tryTo(
  what: string,
  seconds: number,
  run: (signal: AbortSignal) => Promise<unknown>,
): Promise<Finding> {
  const startedAt = performance.now()
  const signal = AbortSignal.timeout(seconds * 1000)
  try {
    await run(signal)
    return { state: 'good', what: `${what} in ${formatMs(performance.now() - startedAt)}` }
  } catch (thrown) {
    if (signal.aborted)
      return {
        state: 'bad',
        what: `not so within ${seconds} s: ${what}`,
        advice: 'is it stuck? its log may tell',
      }
    const error = asBrokerError(thrown)
    return { state: 'bad', what: error.message, advice: adviceFor(error) }
  }
}

function adviceFor({ cause }: BrokerError): string | undefined {
  switch (cause instanceof Error && 'code' in cause ? cause.code : undefined) {
    case 'ENOENT':
      return 'nothing is there: start a broker with “npm start”, or name its socket with --socket'
    case 'ECONNREFUSED':
      return 'a broker left this socket behind; “npm start” takes its place'
    case 'EACCES':
      return 'run this as the user whose broker it is, or start one of your own with “npm start”'
    default:
      return undefined
  }
}

export async function getHealth(transport: Transport, signal: AbortSignal): Promise<void> {
  const { status, body } = await transport({ door: 'rest', method: 'GET', path: '/health', signal })
  await readText(body)
  if (status !== 200)
    throw new BrokerError('internal', `the REST door answers HTTP ${status} when asked for its health`)
}
