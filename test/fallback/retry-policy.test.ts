import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerError, ERRORS, type ErrorCode, type ErrorDetails } from '../../src/base/errors.ts'
import { MOST_ATTEMPTS, nextStep, type Candidate, type Tried } from '../../src/fallback/retry-policy.ts'
import type { Readiness } from '../../src/providers/keys/key-pool.ts'

const READY: Readiness = { state: 'ready', readyInMs: 0, reason: undefined }
const SHAKY: Readiness = { state: 'shaky', readyInMs: 0, reason: 'failing' }
const rests = (readyInMs: number): Readiness => ({ state: 'resting', readyInMs, reason: 'circuit-open' })

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
const silent = failure('upstream-timeout')

interface Given {
  readonly candidates?: readonly Candidate[]
  readonly trail?: readonly (readonly [Candidate, BrokerError])[]
  readonly health?: Readonly<Record<string, Readiness>>
  readonly timeLeftMs?: number
}

/** Who is asked next: an id, `wait <ms>: id`, or `stop`. */
function next({ candidates = [a, b, c], trail = [], health = {}, timeLeftMs = 60_000 }: Given): string {
  const step = nextStep({
    candidates,
    trail: trail.map(([tried, error]) => ({ candidate: tried, error })),
    readiness: ({ id }) => health[id] ?? READY,
    timeLeftMs,
    random: 0,
  })
  if (step.type === 'stop') return 'stop'
  return step.afterMs === 0 ? step.candidate.id : `wait ${step.afterMs}: ${step.candidate.id}`
}

describe('the next to be asked is', () => {
  test('the best that is fit, before one that has just failed, before none that rests', () => {
    expect(next({})).toBe('a')
    expect(next({ health: { a: SHAKY } })).toBe('b')
    expect(next({ health: { a: SHAKY, b: rests(60_000), c: rests(60_000) } })).toBe('a')
    expect(next({ health: { a: rests(100) } })).toBe('b')
  })

  test('the same endpoint with another key when only the key was limited or refused', () => {
    expect(next({ trail: [[a, busy]] })).toBe('a')
    expect(next({ trail: [[a, failure('upstream-denied', { status: 401 })]] })).toBe('a')
    expect(next({ trail: [[a, busy]], health: { a: rests(60_000) } })).toBe('b')
  })

  test('the next candidate when the endpoint itself failed, was overloaded or silent', () => {
    expect(next({ trail: [[a, failure('upstream-busy', { status: 529 })]] })).toBe('b')
    expect(next({ trail: [[a, down]] })).toBe('b')
    expect(next({ trail: [[a, silent]] })).toBe('b')
  })

  test('the same endpoint once more, a moment later, when it is all there is', () => {
    expect(next({ candidates: [a], trail: [[a, down]] })).toBe('wait 250: a')
    expect(
      next({
        candidates: [a],
        trail: [
          [a, down],
          [a, down],
        ],
      }),
    ).toBe('stop')
  })

  test('nobody after a connection that broke: it may have been at work, unless it can’t have heard the request', () => {
    expect(next({ candidates: [a], trail: [[a, failure('upstream-failed')]] })).toBe('stop')
    expect(next({ candidates: [a, b], trail: [[a, failure('upstream-failed')]] })).toBe('b')
    const unheard = failure('upstream-failed', { mayRepeat: true })
    expect(next({ candidates: [a], trail: [[a, unheard]] })).toBe('wait 250: a')
    const inItsWords = failure('upstream-failed', { raw: '{"error":"oops"}' })
    expect(next({ candidates: [a], trail: [[a, inItsWords]] })).toBe('wait 250: a')
  })

  test('one whose circuit is open when there is nobody else, at once', () => {
    const limited: Readiness = { state: 'resting', readyInMs: 60_000, reason: 'limited' }
    expect(next({ health: { a: limited, b: rests(3000), c: limited } })).toBe('b')
    expect(next({ candidates: [a], health: { a: limited } })).toBe('a')
  })

  test('nobody after a silent one that is all there is: it has cost enough', () => {
    expect(next({ candidates: [a], trail: [[a, silent]] })).toBe('stop')
    expect(next({ candidates: [a], trail: [[a, silent]], health: { a: rests(100) } })).toBe('stop')
  })

  test('one that said when to come back, if that is soon', () => {
    expect(next({ candidates: [a], trail: [[a, busy]], health: { a: rests(1500) } })).toBe('wait 1510: a')
    expect(next({ candidates: [a], trail: [[a, busy]], health: { a: rests(6000) } })).toBe('stop')
    expect(next({ candidates: [a], trail: [[a, busy]], health: { a: rests(1500) }, timeLeftMs: 1000 })).toBe(
      'stop',
    )
  })
})

describe('a refusal', () => {
  test('is not repeated on the same model, and twice is enough', () => {
    const refused = failure('upstream-refused', { status: 400 })
    const [x, y, z] = [candidate('x', 'one'), candidate('y', 'two'), candidate('z', 'three')] as const
    expect(next({ trail: [[a, refused]] })).toBe('stop')
    expect(next({ candidates: [a, x, y, z], trail: [[a, refused]] })).toBe('y')
    expect(
      next({
        candidates: [a, x, y, z],
        trail: [
          [a, refused],
          [y, refused],
        ],
      }),
    ).toBe('stop')
  })

  test('of a prompt that is too long goes to a candidate with more room', () => {
    const tooLong = failure('context-too-long', { status: 400 })
    const small = candidate('small', 'one', 8_000)
    const same = candidate('same', 'two', 8_000)
    const large = candidate('large', 'three', 128_000)
    expect(next({ candidates: [small, same, a, large], trail: [[small, tooLong]] })).toBe('large')
    expect(next({ candidates: [small, same, a], trail: [[small, tooLong]] })).toBe('stop')
  })

  test('of a subject is final', () => {
    expect(next({ trail: [[a, failure('content-refused')]] })).toBe('stop')
  })
})

test('nothing is asked when the time is up', () => {
  expect(next({ timeLeftMs: 0 })).toBe('stop')
})

test('whatever fails how, a walk ends, asks nobody whose refusal is known, and never hammers', () => {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter(
    (code) => code.startsWith('upstream-') || code === 'context-too-long' || code === 'content-refused',
  )
  const anError = fc
    .record({ code: fc.constantFrom(...codes), status: fc.constantFrom(undefined, 400, 401, 429, 500, 503) })
    .map(({ code, status }) => failure(code, { status }))
  const aReadiness = fc.constantFrom(READY, SHAKY, rests(1000), rests(60_000))
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
        const trail: Tried<Candidate>[] = []
        let waits = 0
        for (const [error, readiness] of events) {
          const step = nextStep({
            candidates,
            trail,
            readiness: () => readiness,
            timeLeftMs: 60_000,
            random: 0,
          })
          if (step.type === 'stop') return
          waits += step.afterMs
          for (const { candidate: failed, error: earlier } of trail) {
            const rule = ERRORS[earlier.code].fallback
            if (rule === 'other-model') expect(step.candidate.model).not.toBe(failed.model)
            expect(rule).not.toBe('stop')
            if (earlier.code === 'upstream-timeout') expect(step.candidate.id).not.toBe(failed.id)
          }
          trail.push({ candidate: step.candidate, error })
        }
        expect(trail.length).toBeLessThanOrEqual(MOST_ATTEMPTS)
        expect(waits).toBeLessThanOrEqual(10_000)
      },
    ),
  )
})
