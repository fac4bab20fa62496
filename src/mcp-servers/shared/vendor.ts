import type { Clock } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import { ToolFailure } from './tool-failure.ts'
import { createKeyPool, keysFrom } from './key-pool.ts'
import { sendOnce } from './http/send.ts'
import type { HttpAnswer, HttpQuestion } from './http/send.ts'
import type { Surroundings } from './server.ts'

/** A wait longer than this is the caller's business, not ours. */
const LONGEST_WAIT_MS = 10_000
const FIRST_BACKOFF_MS = 500

export interface VendorDefinition {
  /** Environment variables that may hold keys; the first is named in messages. */
  readonly keyVariables: readonly string[]
  /** Extra tries after the first; the vendors that retry inside get one. */
  readonly retries: number
  /** Puts the key where this vendor wants it. */
  readonly withKey: (question: HttpQuestion, key: string) => HttpQuestion
  /** The vendor's table of errors: the failure that this answer is, failures inside a 200 included. */
  readonly failureIn: (answer: HttpAnswer) => ToolFailure | undefined
}

export interface Vendor {
  readonly secrets: readonly Secret[]
  /** Asks with a key of the pool, the next one when a key is refused or exhausted, again where that can help. */
  ask(question: HttpQuestion, signal: AbortSignal): Promise<VendorAnswer>
}

export interface VendorAnswer extends HttpAnswer {
  /** Requests that were sent to get here. */
  readonly requests: number
}

/** Failures that belong to the key and not to the request: another key may fare better. */
const KEY_FAILURES = new Set(['auth', 'quota', 'rate_limit'])

export function createVendor(definition: VendorDefinition, { env, clock, random }: Surroundings): Vendor {
  const keys = keysFrom(env, definition.keyVariables)
  const pool = createKeyPool(keys, definition.keyVariables[0] ?? '', clock)

  return { secrets: keys, ask }

  async function ask(question: HttpQuestion, signal: AbortSignal): Promise<VendorAnswer> {
    let retries = definition.retries
    for (let requests = 1; ; requests++) {
      const key = pool.take()
      const outcome = await tryOnce(question, key, signal)
      if (!(outcome instanceof ToolFailure)) return { ...outcome, requests }
      const wait = nextWait(outcome, key, requests)
      if (wait === undefined || (wait > 0 && retries-- <= 0)) throw outcome
      await pause(wait, clock, signal)
    }
  }

  async function tryOnce(question: HttpQuestion, key: Secret, signal: AbortSignal) {
    try {
      const answer = await sendOnce(definition.withKey(question, key.reveal()), clock, signal)
      return definition.failureIn(answer) ?? answer
    } catch (thrown) {
      if (thrown instanceof ToolFailure) return thrown
      throw thrown
    }
  }

  /** Milliseconds until the next try: 0 when another key is awake, `undefined` when trying again can't help. */
  function nextWait(failure: ToolFailure, key: Secret, requests: number): number | undefined {
    if (KEY_FAILURES.has(failure.kind)) {
      pool.rest(key, failure)
      const wait = pool.waitMs()
      if (wait === 0 || (failure.kind === 'rate_limit' && failure.retryable && wait <= LONGEST_WAIT_MS))
        return wait
      return undefined
    }
    if (!failure.retryable || isTimeoutOfOurs(failure)) return undefined
    const asked = failure.details.retryAfterSeconds
    const wait = asked === undefined ? backoff(requests) : asked * 1000
    return wait <= LONGEST_WAIT_MS ? wait : undefined
  }

  function backoff(requests: number): number {
    return FIRST_BACKOFF_MS * 2 ** (requests - 1) * (1 + random())
  }
}

/** Waiting as long again would try the caller's patience; a 504 came from a gateway before its time. */
function isTimeoutOfOurs(failure: ToolFailure): boolean {
  return failure.kind === 'timeout' && failure.details.status !== 504
}

/** Waits by the given clock; an abort ends it at once with `cancelled`. */
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
