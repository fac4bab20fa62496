import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerError, type ErrorCode, type ErrorDetails } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import {
  createKeyPool,
  type KeyPool,
  type KeySetting,
  type Lease,
} from '../../../src/providers/keys/key-pool.ts'
import { manualClock, type ManualClock } from '../../support/manual-clock.ts'

const settings = (...extra: readonly Partial<KeySetting>[]): KeySetting[] =>
  extra.map((each, index) => ({ key: new Secret(`sk-${index}`), ...each }))

function poolOf(...extra: readonly Partial<KeySetting>[]): { pool: KeyPool; clock: ManualClock } {
  const clock = manualClock()
  return { pool: createKeyPool({ keys: settings(...extra), clock, random: () => 0 }), clock }
}

const failure = (code: ErrorCode, details: ErrorDetails = {}): BrokerError =>
  new BrokerError(code, code, { details })
const limited = (retryAfter?: number): BrokerError => failure('upstream-busy', { status: 429, retryAfter })
const broken = failure('upstream-failed', { status: 503 })

/** Takes a key, fails with it, and says which one it was. */
function fail(pool: KeyPool, error: BrokerError): number | undefined {
  const lease = pool.take()
  if (lease === undefined) return undefined
  pool.failed(lease, error)
  pool.release(lease)
  return lease.lane
}

function use(pool: KeyPool, sticky?: number): number | undefined {
  const lease = pool.take(sticky)
  if (lease === undefined) return undefined
  pool.answered(lease)
  pool.release(lease)
  return lease.lane
}

const stateOf = (pool: KeyPool) => pool.lanes().map(({ state }) => state)

describe('a key that was', () => {
  test('limited rests for as long as the provider says, or a minute', () => {
    for (const [error, seconds] of [
      [limited(7), 7],
      [limited(0), 1],
      [limited(), 60],
    ] as const) {
      const { pool, clock } = poolOf({})
      fail(pool, error)
      clock.advance(seconds * 1000 - 1)
      expect(pool.take()).toBeUndefined()
      expect(pool.readiness()).toEqual({ state: 'resting', readyInMs: 1, reason: 'limited' })
      clock.advance(1)
      expect(pool.take()?.lane).toBe(0)
    }
  })

  test.each([
    [401, 'key-refused'],
    [402, 'no-credit'],
    [403, 'forbidden'],
  ])('refused with %i is %s until one request has shown otherwise', (status, state) => {
    const { pool, clock } = poolOf({})
    fail(pool, failure('upstream-denied', { status }))
    expect(stateOf(pool)).toEqual([state])
    clock.advance(299_999)
    expect(pool.take()).toBeUndefined()
    clock.advance(1)
    const trial = pool.take() as Lease
    expect(pool.take()).toBeUndefined()
    pool.answered(trial)
    pool.release(trial)
    expect(stateOf(pool)).toEqual(['ready'])
  })

  test('refused again and again is asked ever more seldom, at least every hour', () => {
    const { pool, clock } = poolOf({})
    const rests = [5, 10, 20, 40, 60, 60].map((minutes) => {
      fail(pool, failure('upstream-denied', { status: 401 }))
      clock.advance(minutes * 60_000 - 1)
      const early = pool.take()
      clock.advance(1)
      return early
    })
    expect(rests).toEqual([undefined, undefined, undefined, undefined, undefined, undefined])
    expect(use(pool)).toBe(0)
  })

  test('in trouble is left for another one, and taken when all others are worse', () => {
    const { pool } = poolOf({}, {})
    expect([fail(pool, broken), fail(pool, limited(9))]).toEqual([0, 1])
    expect(pool.readiness().state).toBe('shaky')
    expect(use(pool)).toBe(0)
    expect(pool.readiness().state).toBe('ready')
  })

  test('failing backs off from five seconds, doubling up to five minutes, until it works', () => {
    const { pool, clock } = poolOf({}, { priority: 1 })
    for (const seconds of [5, 10, 20, 40, 80, 160, 300, 300]) {
      expect(fail(pool, broken)).toBe(0)
      clock.advance(seconds * 1000 - 1)
      expect(use(pool)).toBe(1)
      clock.advance(1)
    }
    expect(use(pool)).toBe(0)
    fail(pool, broken)
    clock.advance(5000)
    expect(use(pool)).toBe(0)
  })

  test('failing under many requests at once has failed once', () => {
    const { pool, clock } = poolOf({}, { priority: 1 })
    const leases = Array.from({ length: 50 }, () => pool.take() as Lease)
    for (const lease of leases) pool.failed(lease, broken)
    clock.advance(5000)
    expect(use(pool)).toBe(0)
  })

  test('answered late, by a request from before its limit, stays limited', () => {
    const { pool, clock } = poolOf({})
    const early = pool.take() as Lease
    clock.advance(10)
    fail(pool, limited(30))
    pool.answered(early)
    expect(stateOf(pool)).toEqual(['limited'])
  })
})

describe('the load', () => {
  test('goes to the least busy key, by weight', () => {
    const { pool } = poolOf({ weight: 3 }, { weight: 1 })
    const lanes = Array.from({ length: 8 }, () => pool.take()?.lane)
    expect(lanes.filter((lane) => lane === 0)).toHaveLength(6)
  })

  test('stays on the keys of the first priority while one of them is fit', () => {
    const { pool } = poolOf({ priority: 5 }, { priority: 1 }, { priority: 1 })
    expect(new Set([use(pool), use(pool), use(pool)])).toEqual(new Set([1, 2]))
    fail(pool, limited())
    fail(pool, limited())
    expect(use(pool)).toBe(0)
  })

  test('never passes a key’s own requests per minute, in any minute', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 5 }), (waits, most) => {
        const { pool, clock } = poolOf({ requestsPerMinute: most })
        const taken: number[] = []
        for (const wait of waits) {
          clock.advance(wait)
          if (use(pool) !== undefined) taken.push(clock.monotonic())
          else expect(pool.readiness().reason).toBe('own-limit')
        }
        for (const at of taken)
          expect(taken.filter((each) => each > at - 60_000 && each <= at).length).toBeLessThanOrEqual(most)
      }),
    )
  })

  test('of one conversation stays on one key, and moves only when that one is unfit', () => {
    const { pool, clock } = poolOf({}, {}, {}, {})
    const numbers = Array.from({ length: 200 }, (_, index) => index * 7919)
    const before = numbers.map((number) => use(pool, number))
    expect(numbers.map((number) => use(pool, number))).toEqual(before)
    for (const lane of [0, 1, 2, 3]) expect(before.filter((each) => each === lane).length).toBeGreaterThan(20)
    const lost = fail(pool, limited(1))
    const during = numbers.map((number) => use(pool, number))
    expect(during.filter((lane) => lane === lost)).toEqual([])
    expect(during.filter((lane, index) => before[index] !== lost && lane !== before[index])).toEqual([])
    clock.advance(1000)
    expect(numbers.map((number) => use(pool, number))).toEqual(before)
  })
})

test('whatever happens, a taken key was fit, none is lost, and no resting key is taken while a fit one is there', () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 100_000 }),
    outcome: fc.constantFrom('answered', 401, 402, 429, 503, 'left'),
    retryAfter: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { pool, clock } = poolOf({}, {}, { priority: 1 })
      for (const { wait, outcome, retryAfter } of steps) {
        clock.advance(wait)
        const states = pool.lanes()
        const readiness = pool.readiness()
        const lease = pool.take()
        expect(lease === undefined).toBe(readiness.state === 'resting')
        if (lease === undefined) continue
        const state = states[lease.lane]?.state
        if (readiness.state === 'ready') expect(state).toBe('ready')
        else expect(state).toBe('failing')
        if (outcome === 'answered') pool.answered(lease)
        else if (typeof outcome === 'number')
          pool.failed(
            lease,
            failure(
              outcome === 429 ? 'upstream-busy' : outcome === 503 ? 'upstream-failed' : 'upstream-denied',
              {
                status: outcome,
                retryAfter,
              },
            ),
          )
        pool.release(lease)
      }
      expect(pool.lanes().map(({ running }) => running)).toEqual([0, 0, 0])
      clock.advance(24 * 3_600_000)
      expect(pool.readiness()).toMatchObject({ state: 'ready' })
    }),
  )
})

test('jitter only ever lengthens a rest, by less than a tenth', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (random) => {
      const clock = manualClock()
      const pool = createKeyPool({ keys: settings({}), clock, random: () => random })
      fail(pool, limited(10))
      expect(pool.readiness().readyInMs).toBeGreaterThanOrEqual(10_000)
      expect(pool.readiness().readyInMs).toBeLessThan(11_000)
    }),
  )
})
