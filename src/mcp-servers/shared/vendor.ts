import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import { ToolFailure } from './tool-failure.ts'
import { createKeyPool, keysFrom } from './key-pool.ts'
import { sendOnce } from './http/send.ts'
import type { FetchResponse, FetchRequest } from './http/send.ts'
import type { ServerDependencies } from './server.ts'

/** A longer wait is left to the caller. */
const MAX_WAIT_MS = 10_000
const FIRST_BACKOFF_MS = 500

export interface VendorDefinition {
  /** Environment variables that may hold keys; the first is named in messages. */
  readonly keyVariables: readonly string[]
  /** Retries after the first attempt; one for vendors that retry internally. */
  readonly retries: number
  /** Adds the key to a request, in the place where this vendor expects it. */
  readonly withKey: (request: FetchRequest, key: string) => FetchRequest
  /** The failure that a response reports, if any, including failures inside a 200. */
  readonly failureIn: (response: FetchResponse) => ToolFailure | undefined
}

export interface Vendor {
  readonly secrets: readonly Secret[]
  /** Sends a request with a key of the pool: with the next key when one is rejected or exhausted, and again where a retry can help. */
  send(request: FetchRequest, signal: AbortSignal): Promise<VendorResponse>
}

export interface VendorResponse extends FetchResponse {
  /** How many requests were sent, retries included. */
  readonly requests: number
}

/** Failures of the key, not of the request: another key may succeed. */
const KEY_FAILURES = new Set(['auth', 'quota', 'rate_limit'])

export function createVendor(
  definition: VendorDefinition,
  { env, clock, random }: ServerDependencies,
): Vendor {
  const keys = keysFrom(env, definition.keyVariables)
  const pool = createKeyPool(keys, definition.keyVariables[0] ?? '', clock)

  return { secrets: keys, send }

  async function send(request: FetchRequest, signal: AbortSignal): Promise<VendorResponse> {
    let retries = definition.retries
    for (let requests = 1; ; requests++) {
      const key = pool.acquire()
      const outcome = await sendWithKey(request, key, signal)
      if (!(outcome instanceof ToolFailure)) return { ...outcome, requests }
      const wait = nextWait(outcome, key, requests)
      if (wait === undefined || (wait > 0 && retries-- <= 0)) throw outcome
      await pause(wait, clock, signal)
    }
  }

  async function sendWithKey(request: FetchRequest, key: Secret, signal: AbortSignal) {
    try {
      const response = await sendOnce(definition.withKey(request, key.reveal()), clock, signal)
      return definition.failureIn(response) ?? response
    } catch (thrown) {
      if (thrown instanceof ToolFailure) return thrown
      throw thrown
    }
  }

  /** Milliseconds until the next attempt: 0 if another key is available, `undefined` if a retry can't help. */
  function nextWait(failure: ToolFailure, key: Secret, requests: number): number | undefined {
    if (KEY_FAILURES.has(failure.kind)) {
      pool.coolDown(key, failure)
      const wait = pool.availableInMs()
      if (wait === 0 || (failure.kind === 'rate_limit' && failure.retryable && wait <= MAX_WAIT_MS))
        return wait
      return undefined
    }
    if (!failure.retryable || isOwnTimeout(failure)) return undefined
    const retryAfterSeconds = failure.details.retryAfterSeconds
    const wait = retryAfterSeconds === undefined ? backoff(requests) : retryAfterSeconds * 1000
    return wait <= MAX_WAIT_MS ? wait : undefined
  }

  function backoff(requests: number): number {
    return FIRST_BACKOFF_MS * 2 ** (requests - 1) * (1 + random())
  }
}

/** Our own timeout is not retried, it would double the wait; a 504 of the vendor's gateway came earlier and is. */
function isOwnTimeout(failure: ToolFailure): boolean {
  return failure.kind === 'timeout' && failure.details.status !== 504
}

/** Waits `ms` by the given clock. Throws `cancelled` as soon as `signal` fires. */
async function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return
  const done = Promise.withResolvers<void>()
  const cancel = clock.after(ms, done.resolve)
  const onAbort = () => done.reject(new ToolFailure('cancelled', 'the caller cancelled'))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    await done.promise
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
}
