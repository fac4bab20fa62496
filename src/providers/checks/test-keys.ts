import type { Clock } from '../../base/clock.ts'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { parseObject } from '../../wire/openai/parse-object.ts'
import type { ProviderDefinition } from '../provider.ts'
import { protocolOf } from '../protocols/index.ts'
import { errorOfStatus } from '../errors/upstream-errors.ts'
import type { Upstream, UpstreamHeaders } from '../transport/upstream.ts'

/** The result of one test request with one key. */
export interface KeyTest {
  /** Counted from 1, as configured; absent when the provider needs none. */
  readonly key: number | undefined
  readonly ms: number
  /** How many models the provider listed; absent when the request failed. */
  readonly models: number | undefined
  readonly error: BrokerError | undefined
  /** Seconds that our clock is ahead of the provider's; absent when its response has no date. */
  readonly clockAheadS: number | undefined
}

export interface TestParts {
  readonly definition: ProviderDefinition
  readonly keys: readonly Secret[]
  readonly upstream: Upstream
  readonly clock: Clock
  readonly enter?: (() => Promise<() => void>) | undefined
}

const TIMEOUT_MS = 15_000

/** Requests a provider's list of models with each key: free of charge everywhere, and refused when a key is wrong. */
export async function testKeys(parts: TestParts, signal: AbortSignal): Promise<readonly KeyTest[]> {
  const leave = await parts.enter?.()
  try {
    const { keys } = parts
    if (keys.length === 0) return [await testKey(parts, undefined, undefined, signal)]
    return await Promise.all(keys.map((key, at) => testKey(parts, key, at + 1, signal)))
  } finally {
    leave?.()
  }
}

async function testKey(
  parts: TestParts,
  key: Secret | undefined,
  number: number | undefined,
  signal: AbortSignal,
): Promise<KeyTest> {
  const startedAt = parts.clock.monotonic()
  let clockAheadS: number | undefined
  const onHeaders = ({ date }: UpstreamHeaders): void => {
    const aheadS = Math.round((parts.clock.now() - Date.parse(String(date))) / 1000)
    if (!Number.isNaN(aheadS)) clockAheadS = aheadS
  }
  const listing = listModels(parts, key, signal, onHeaders)
  const outcome = await listing.catch((error: unknown) => asBrokerError(error))
  const common = { key: number, ms: Math.round(parts.clock.monotonic() - startedAt), clockAheadS }
  return outcome instanceof BrokerError
    ? { ...common, models: undefined, error: withoutKey(outcome, key) }
    : { ...common, models: outcome, error: undefined }
}

function listModels(
  { definition, upstream, clock }: TestParts,
  key: Secret | undefined,
  signal: AbortSignal,
  onResponseHeaders: (headers: UpstreamHeaders) => void,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const decoder = new TextDecoder()
  let [status, headers, body]: [number, UpstreamHeaders, string] = [0, {}, '']
  const call = upstream.send(
    { method: 'GET', path: '/models', headers: headersFor(definition, key), body: undefined },
    {
      onHeaders(itsStatus, itsHeaders) {
        status = itsStatus
        headers = itsHeaders
        onResponseHeaders(itsHeaders)
      },
      onData(bytes) {
        if (body.length < MAX_CHARACTERS) body += decoder.decode(bytes, { stream: true })
      },
      onEnd() {
        if (status === 200) resolve(countModels(body, definition.displayName))
        else reject(errorOfStatus(definition.displayName, status, headers, body, clock.now()))
      },
      onError: reject,
    },
  )
  const failWith = (error: BrokerError) => (): void => {
    call.abort()
    reject(error)
  }
  const provider = definition.displayName
  const onTimeout = failWith(
    new BrokerError('upstream-timeout', `${provider} did not respond within ${TIMEOUT_MS / 1000} s`),
  )
  const onAbort = failWith(new BrokerError('upstream-timeout', 'the caller no longer waits for the response'))
  const cancel = clock.after(TIMEOUT_MS, onTimeout)
  signal.addEventListener('abort', onAbort)
  return promise.finally(() => {
    cancel()
    signal.removeEventListener('abort', onAbort)
  })
}

/** OpenRouter's list is the longest known, at half a million characters. */
const MAX_CHARACTERS = 20_000_000

function headersFor(definition: ProviderDefinition, key: Secret | undefined): string[] {
  const all = ['accept-encoding', 'identity', 'user-agent', 'hero-aibroker']
  all.push(...protocolOf(definition).keyHeaders(key), ...Object.entries(definition.headers ?? {}).flat())
  return all
}

function countModels(body: string, provider: string): number {
  const list: unknown = parseObject(body)?.data
  if (Array.isArray(list)) return list.length
  throw new BrokerError('upstream-failed', `${provider} responded with something that is no list of models`)
}

/** Removes the key from the error's message: some providers repeat the key that they refuse. */
function withoutKey(error: BrokerError, key: Secret | undefined): BrokerError {
  if (key === undefined) return error
  const { status } = error.details
  return new BrokerError(error.code, error.message.replaceAll(key.reveal(), '***'), { details: { status } })
}
