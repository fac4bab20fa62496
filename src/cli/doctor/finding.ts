import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Transport } from '../../sdk/index.ts'
import { readText } from '../../sdk/transport.ts'
import { formatMs } from '../terminal/format.ts'

/** The result of one check. `--json` prints it as it is. */
export interface Finding {
  readonly state: 'good' | 'doubtful' | 'bad'
  readonly what: string
  /** What would help. */
  readonly advice?: string | undefined
  /** The permissions that would fix it. */
  readonly mend?: { readonly path: string; readonly mode: number } | undefined
}

/** Runs a check with a timeout. Good when `run` resolves, with the time that it took. */
export async function timedCheck(
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
        what: `no success within ${seconds} s: ${what}`,
        advice: 'the broker may be stuck; see its log',
      }
    const error = asBrokerError(thrown)
    return { state: 'bad', what: error.message, advice: adviceFor(error) }
  }
}

function adviceFor({ cause }: BrokerError): string | undefined {
  switch (cause instanceof Error && 'code' in cause ? cause.code : undefined) {
    case 'ENOENT':
      return 'there is no socket: start a broker with “npm start”, or name its socket with --socket'
    case 'ECONNREFUSED':
      return 'the socket of a broker that no longer runs; “npm start” replaces it'
    case 'EACCES':
      return 'run this as the user who runs the broker, or start your own with “npm start”'
    default:
      return undefined
  }
}

export async function getHealth(transport: Transport, signal: AbortSignal): Promise<void> {
  const { status, body } = await transport({ listener: 'rest', method: 'GET', path: '/health', signal })
  await readText(body)
  if (status !== 200)
    throw new BrokerError('internal', `GET /health on the REST socket returned HTTP ${status}`)
}
