import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerError, type ErrorCode, type ErrorDetails } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { outcomeOf, OUTCOMES } from '../../../src/providers/dispatch/outcomes.ts'
import {
  createKeyPool,
  type KeyPool,
  type KeySetting,
  type Lease,
  type Readiness,
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

/** Records an error of a request as the dispatcher does. */
function recordFailure(pool: KeyPool, lease: Lease, error: BrokerError): void {
  pool.failed(lease, { reason: OUTCOMES[outcomeOf(error)].cooldown, retryAfter: error.details.retryAfter })
}

/** Takes a key and fails with it; returns its index. */
function fail(pool: KeyPool, error: BrokerError): number | undefined {
  const lease = pool.take('m')
  if (lease === undefined) return undefined
  recordFailure(pool, lease, error)
  pool.release(lease)
  return lease.index
}

function use(pool: KeyPool, affinity?: number): number | undefined {
  const lease = pool.take('m', affinity)
  if (lease === undefined) return undefined
  pool.succeeded(lease)
  pool.release(lease)
  return lease.index
}

const stateOf = (pool: KeyPool) => pool.keys().map(({ state }) => state)

describe('a key', () => {
  test('that hit a rate limit cools down for the provider’s Retry-After, or a minute', () => {
    for (const [error, seconds] of [
      [limited(7), 7],
      [limited(0), 1],
      [limited(), 60],
    ] as const) {
      const { pool, clock } = poolOf({})
      fail(pool, error)
      clock.advance(seconds * 1000 - 1)
      expect(pool.take('m')).toBeUndefined()
      expect(pool.readiness('m')).toEqual({
        state: 'cooling-down',
        availableInMs: 1,
        reason: 'limited',
      } satisfies Readiness)
      clock.advance(1)
      expect(pool.take('m')?.index).toBe(0)
    }
  })

  test.each([
    [401, 'key-refused'],
    [402, 'no-credit'],
    [403, 'forbidden'],
  ])('refused with %i is %s until one request succeeds with it', (status, state) => {
    const { pool, clock } = poolOf({})
    fail(pool, failure('upstream-denied', { status }))
    expect(stateOf(pool)).toEqual([state])
    clock.advance(299_999)
    expect(pool.take('m')).toBeUndefined()
    clock.advance(1)
    const trial = pool.take('m') as Lease
    expect(pool.take('m')).toBeUndefined()
    pool.succeeded(trial)
    pool.release(trial)
    expect(stateOf(pool)).toEqual(['ready'])
  })

  test('refused again and again is tested ever more seldom, at least every hour', () => {
    const { pool, clock } = poolOf({})
    const early = [5, 10, 20, 40, 60, 60].map((minutes) => {
      fail(pool, failure('upstream-denied', { status: 401 }))
      clock.advance(minutes * 60_000 - 1)
      const lease = pool.take('m')
      clock.advance(1)
      return lease
    })
    expect(early).toEqual([undefined, undefined, undefined, undefined, undefined, undefined])
    expect(use(pool)).toBe(0)
  })

  test('that failed is taken only when all others are worse', () => {
    const { pool } = poolOf({}, {})
    expect([fail(pool, broken), fail(pool, limited(9))]).toEqual([0, 1])
    expect(pool.readiness('m').state).toBe('degraded')
    expect(use(pool)).toBe(0)
    expect(pool.readiness('m').state).toBe('ready')
  })

  test('that keeps failing cools down for five seconds, doubling up to five minutes, until it works', () => {
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

  test('that fails under many requests at once counts as failed once', () => {
    const { pool, clock } = poolOf({}, { priority: 1 })
    const leases = Array.from({ length: 50 }, () => pool.take('m') as Lease)
    for (const lease of leases) recordFailure(pool, lease, broken)
    clock.advance(5000)
    expect(use(pool)).toBe(0)
  })

  test('stays limited when a request from before its limit succeeds', () => {
    const { pool, clock } = poolOf({})
    const early = pool.take('m') as Lease
    clock.advance(10)
    fail(pool, limited(30))
    pool.succeeded(early)
    expect(stateOf(pool)).toEqual(['limited'])
  })
})

describe('the load of a key pool', () => {
  test('goes to the least busy key, by weight', () => {
    const { pool } = poolOf({ weight: 3 }, { weight: 1 })
    const indexes = Array.from({ length: 8 }, () => pool.take('m')?.index)
    expect(indexes.filter((index) => index === 0)).toHaveLength(6)
  })

  test('stays on the keys of the first priority while one of them is usable', () => {
    const { pool } = poolOf({ priority: 5 }, { priority: 1 }, { priority: 1 })
    expect(new Set([use(pool), use(pool), use(pool)])).toEqual(new Set([1, 2]))
    fail(pool, limited())
    fail(pool, limited())
    expect(use(pool)).toBe(0)
  })

  test('never exceeds the requests per minute of a key, in any minute', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 5 }), (waits, maxRequests) => {
        const { pool, clock } = poolOf({ requestsPerMinute: maxRequests })
        const taken: number[] = []
        for (const wait of waits) {
          clock.advance(wait)
          if (use(pool) !== undefined) taken.push(clock.monotonic())
          else expect(pool.readiness('m').reason).toBe('own-limit')
        }
        for (const at of taken)
          expect(taken.filter((each) => each > at - 60_000 && each <= at).length).toBeLessThanOrEqual(
            maxRequests,
          )
      }),
    )
  })

  test('with one affinity stays on one key, and moves only while that key is unusable', () => {
    const { pool, clock } = poolOf({}, {}, {}, {})
    const numbers = Array.from({ length: 200 }, (_, index) => index * 7919)
    const before = numbers.map((number) => use(pool, number))
    expect(numbers.map((number) => use(pool, number))).toEqual(before)
    for (const index of [0, 1, 2, 3])
      expect(before.filter((each) => each === index).length).toBeGreaterThan(20)
    const lost = fail(pool, limited(1))
    const during = numbers.map((number) => use(pool, number))
    expect(during.filter((index) => index === lost)).toEqual([])
    expect(during.filter((keyIndex, index) => before[index] !== lost && keyIndex !== before[index])).toEqual(
      [],
    )
    clock.advance(1000)
    expect(numbers.map((number) => use(pool, number))).toEqual(before)
  })
})

test('after any history a key that is taken was usable, none is lost, and no failing key is taken while a ready one is there', () => {
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
        const states = pool.keys()
        const readiness = pool.readiness('m')
        const lease = pool.take('m')
        expect(lease === undefined).toBe(readiness.state === 'cooling-down')
        if (lease === undefined) continue
        const state = states[lease.index]?.state
        if (readiness.state === 'ready') expect(state).toBe('ready')
        else expect(state).toBe('failing')
        if (outcome === 'answered') pool.succeeded(lease)
        else if (typeof outcome === 'number')
          recordFailure(
            pool,
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
      expect(pool.keys().map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])
      clock.advance(24 * 3_600_000)
      expect(pool.readiness('m')).toMatchObject({ state: 'ready' })
    }),
  )
})

test('jitter only lengthens a cooldown, by less than a tenth', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (random) => {
      const clock = manualClock()
      const pool = createKeyPool({ keys: settings({}), clock, random: () => random })
      fail(pool, limited(10))
      expect(pool.readiness('m').availableInMs).toBeGreaterThanOrEqual(10_000)
      expect(pool.readiness('m').availableInMs).toBeLessThan(11_000)
    }),
  )
})
