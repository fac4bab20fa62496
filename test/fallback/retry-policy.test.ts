import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerError, ERRORS, type ErrorCode, type ErrorDetails } from '../../src/base/errors.ts'
import {
  MAX_ATTEMPTS,
  nextStep,
  type Candidate,
  type AttemptFailure,
} from '../../src/fallback/retry-policy.ts'
import type { Readiness } from '../../src/providers/keys/key-pool.ts'

const READY: Readiness = { state: 'ready', availableInMs: 0, reason: undefined }
const DEGRADED: Readiness = { state: 'degraded', availableInMs: 0, reason: 'failing' }
const coolingDown = (readyInMs: number): Readiness => ({
  state: 'cooling-down',
  availableInMs: readyInMs,
  reason: 'circuit-open',
})

const limitedFor = (availableInMs: number): Readiness => ({
  state: 'cooling-down',
  availableInMs,
  reason: 'limited',
})

const candidate = (id: string, model = 'one', contextWindow?: number): Candidate => ({
  id,
  model,
  contextWindow,
})
const [a, b, c] = [candidate('a'), candidate('b'), candidate('c')] as const

const failure = (code: ErrorCode, details: ErrorDetails = {}): BrokerError =>
  new BrokerError(code, code, { details })
const busy = failure('upstream-busy', { status: 429 })
const down = failure('upstream-failed', { status: 503 })
const timeout = failure('upstream-timeout')

interface Given {
  readonly candidates?: readonly Candidate[]
  readonly history?: readonly (readonly [Candidate, BrokerError])[]
  readonly health?: Readonly<Record<string, Readiness>>
  readonly timeLeftMs?: number
}

/** The next step: the id of the candidate to try, `wait <ms>: id`, or `stop`. */
function next({ candidates = [a, b, c], history = [], health = {}, timeLeftMs = 60_000 }: Given): string {
  const step = nextStep({
    candidates,
    history: history.map(([tried, error]) => ({ candidate: tried, error })),
    readiness: ({ id }) => health[id] ?? READY,
    timeLeftMs,
    random: 0,
  })
  if (step.type === 'stop') return 'stop'
  return step.afterMs === 0 ? step.candidate.id : `wait ${step.afterMs}: ${step.candidate.id}`
}

describe('the retry policy picks', () => {
  test('the best available candidate, then a degraded one, then one that cools down', () => {
    expect(next({})).toBe('a')
    expect(next({ health: { a: DEGRADED } })).toBe('b')
    expect(next({ health: { a: DEGRADED, b: coolingDown(60_000), c: coolingDown(60_000) } })).toBe('a')
    expect(next({ health: { a: coolingDown(100) } })).toBe('b')
  })

  test('the same endpoint with another key after only the key was limited or refused', () => {
    expect(next({ history: [[a, busy]] })).toBe('a')
    expect(next({ history: [[a, failure('upstream-denied', { status: 401 })]] })).toBe('a')
    expect(next({ history: [[a, busy]], health: { a: coolingDown(60_000) } })).toBe('b')
  })

  test('the next candidate after the endpoint timed out, could not be reached or broke the connection', () => {
    expect(next({ history: [[a, timeout]] })).toBe('b')
    expect(next({ history: [[a, failure('upstream-failed', { mayRepeat: true })]] })).toBe('b')
    expect(next({ history: [[a, failure('upstream-failed')]] })).toBe('b')
    expect(
      next({ history: [[a, failure('upstream-busy', { status: 429 })]], health: { a: limitedFor(60_000) } }),
    ).toBe('b')
  })

  test('the same endpoint after a single 5xx, and the next one after the second', () => {
    for (const status of [500, 502, 503, 529]) {
      const error = failure(status === 529 ? 'upstream-busy' : 'upstream-failed', { status })
      expect(next({ history: [[a, error]] })).toBe('wait 250: a')
      expect(
        next({
          history: [
            [a, error],
            [a, error],
          ],
        }),
      ).toBe('b')
    }
    expect(next({ history: [[a, down]], health: { a: coolingDown(5000) } })).toBe('b')
    expect(next({ history: [[a, down]], timeLeftMs: 200 })).toBe('b')
    expect(next({ history: [[a, failure('upstream-failed', { status: 501 })]] })).toBe('b')
  })

  test('the same endpoint after a Retry-After of up to five seconds, when there is time for it', () => {
    const later = (retryAfter: number) => failure('upstream-busy', { status: 429, retryAfter })
    const resting = { a: limitedFor(5400) }
    expect(next({ history: [[a, later(5)]], health: resting })).toBe('wait 5410: a')
    expect(next({ history: [[a, later(5)]], health: resting, timeLeftMs: 5000 })).toBe('b')
    expect(next({ history: [[a, later(6)]], health: { a: limitedFor(6000) } })).toBe('b')
    const overloaded = failure('upstream-failed', { status: 503, retryAfter: 2 })
    expect(next({ history: [[a, overloaded]] })).toBe('wait 2010: a')
    expect(
      next({
        history: [
          [a, overloaded],
          [a, overloaded],
        ],
      }),
    ).toBe('b')
    expect(next({ history: [[a, failure('upstream-failed', { status: 503, retryAfter: 20 })]] })).toBe('b')
  })

  test('the same endpoint at once after a kept connection was closed as the request was sent, and the next one after the second', () => {
    const stale = failure('upstream-failed', { isStale: true })
    expect(next({ history: [[a, stale]] })).toBe('a')
    expect(
      next({
        history: [
          [a, stale],
          [a, stale],
        ],
      }),
    ).toBe('b')
  })

  test('an endpoint again twice in a request at most', () => {
    expect(
      next({
        history: [
          [a, down],
          [a, down],
          [b, down],
          [b, down],
          [c, down],
        ],
      }),
    ).toBe('stop')
  })

  test('the only candidate once more, after a moment', () => {
    expect(next({ candidates: [a], history: [[a, down]] })).toBe('wait 250: a')
    expect(
      next({
        candidates: [a],
        history: [
          [a, down],
          [a, down],
        ],
      }),
    ).toBe('stop')
  })

  test('no candidate after the only one broke the connection, unless it can’t have received the request', () => {
    expect(next({ candidates: [a], history: [[a, failure('upstream-failed')]] })).toBe('stop')
    expect(next({ candidates: [a, b], history: [[a, failure('upstream-failed')]] })).toBe('b')
    const notReceived = failure('upstream-failed', { mayRepeat: true })
    expect(next({ candidates: [a], history: [[a, notReceived]] })).toBe('wait 250: a')
    const reported = failure('upstream-failed', { raw: '{"error":"oops"}' })
    expect(next({ candidates: [a], history: [[a, reported]] })).toBe('wait 250: a')
  })

  test('a candidate whose circuit is open, at once, when there is no other', () => {
    const limited: Readiness = { state: 'cooling-down', availableInMs: 60_000, reason: 'limited' }
    expect(next({ health: { a: limited, b: coolingDown(3000), c: limited } })).toBe('b')
    expect(next({ candidates: [a], health: { a: limited } })).toBe('a')
  })

  test('no candidate after the only one timed out', () => {
    expect(next({ candidates: [a], history: [[a, timeout]] })).toBe('stop')
    expect(next({ candidates: [a], history: [[a, timeout]], health: { a: coolingDown(100) } })).toBe('stop')
  })

  test('a candidate that stated when it will be available again, if that is soon', () => {
    expect(next({ candidates: [a], history: [[a, busy]], health: { a: coolingDown(1500) } })).toBe(
      'wait 1510: a',
    )
    expect(next({ candidates: [a], history: [[a, busy]], health: { a: coolingDown(6000) } })).toBe('stop')
    expect(
      next({ candidates: [a], history: [[a, busy]], health: { a: coolingDown(1500) }, timeLeftMs: 1000 }),
    ).toBe('stop')
  })
})

describe('after a refusal', () => {
  test('the same model is not tried again, and two refusals end the request', () => {
    const refused = failure('upstream-refused', { status: 400 })
    const [x, y, z] = [candidate('x', 'one'), candidate('y', 'two'), candidate('z', 'three')] as const
    expect(next({ history: [[a, refused]] })).toBe('stop')
    expect(next({ candidates: [a, x, y, z], history: [[a, refused]] })).toBe('y')
    expect(
      next({
        candidates: [a, x, y, z],
        history: [
          [a, refused],
          [y, refused],
        ],
      }),
    ).toBe('stop')
  })

  test('of a prompt that is too long, a candidate with a larger context window is tried', () => {
    const tooLong = failure('context-too-long', { status: 400 })
    const small = candidate('small', 'one', 8_000)
    const same = candidate('same', 'two', 8_000)
    const large = candidate('large', 'three', 128_000)
    expect(next({ candidates: [small, same, a, large], history: [[small, tooLong]] })).toBe('large')
    expect(next({ candidates: [small, same, a], history: [[small, tooLong]] })).toBe('stop')
  })

  test('of the content, no candidate is tried', () => {
    expect(next({ history: [[a, failure('content-refused')]] })).toBe('stop')
  })
})

test('the retry policy stops when the time is up', () => {
  expect(next({ timeLeftMs: 0 })).toBe('stop')
})

test('whatever fails, a request ends, repeats no known refusal, and stays within the maximum of attempts', () => {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter(
    (code) => code.startsWith('upstream-') || code === 'context-too-long' || code === 'content-refused',
  )
  const anError = fc
    .record({ code: fc.constantFrom(...codes), status: fc.constantFrom(undefined, 400, 401, 429, 500, 503) })
    .map(({ code, status }) => failure(code, { status }))
  const aReadiness = fc.constantFrom(READY, DEGRADED, coolingDown(1000), coolingDown(60_000))
  const someCandidates = fc.uniqueArray(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      model: fc.constantFrom('one', 'two'),
      contextWindow: fc.constantFrom(undefined, 8_000, 128_000),
    }),
    { selector: ({ id }) => id, minLength: 1 },
  )
  fc.assert(
    fc.property(
      someCandidates,
      fc.array(fc.tuple(anError, aReadiness), { minLength: 30, maxLength: 30 }),
      (candidates, events) => {
        const history: AttemptFailure<Candidate>[] = []
        let waits = 0
        for (const [error, readiness] of events) {
          const step = nextStep({
            candidates,
            history,
            readiness: () => readiness,
            timeLeftMs: 60_000,
            random: 0,
          })
          if (step.type === 'stop') return
          waits += step.afterMs
          for (const { candidate: failed, error: earlier } of history) {
            const rule = ERRORS[earlier.code].fallback
            if (rule === 'other-model') expect(step.candidate.model).not.toBe(failed.model)
            expect(rule).not.toBe('stop')
            if (earlier.code === 'upstream-timeout') expect(step.candidate.id).not.toBe(failed.id)
          }
          history.push({ candidate: step.candidate, error })
        }
        expect(history.length).toBeLessThanOrEqual(MAX_ATTEMPTS)
        expect(waits).toBeLessThanOrEqual(10_000)
      },
    ),
  )
})
