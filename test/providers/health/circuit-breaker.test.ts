import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CircuitBreaker, type CircuitOutcome } from '../../../src/providers/health/circuit-breaker.ts'

const withoutJitter = (): CircuitBreaker => new CircuitBreaker(() => 0)

function request(circuit: CircuitBreaker, outcome: CircuitOutcome, now: number): void {
  circuit.release(circuit.acquire(now), outcome, now)
}

function open(circuit: CircuitBreaker, now = 0): void {
  for (let nth = 0; nth < 3; nth++) request(circuit, 'failed', now)
}

describe('a circuit breaker', () => {
  test('opens after three failures in a row, then lets one trial through after 5 s', () => {
    const circuit = withoutJitter()
    open(circuit)
    expect([circuit.state, circuit.availableInMs(0), circuit.availableInMs(4999)]).toEqual(['open', 5000, 1])
    expect(circuit.availableInMs(5000)).toBe(0)
    const trial = circuit.acquire(5000)
    expect([circuit.state, circuit.availableInMs(5001) > 0]).toEqual(['half-open', true])
    circuit.release(trial, 'worked', 5100)
    expect([circuit.state, circuit.availableInMs(5100)]).toEqual(['closed', 0])
  })

  test('stays open longer each time its trial fails, up to 8.4 s', () => {
    const circuit = new CircuitBreaker(() => 0.999)
    open(circuit)
    let now = 0
    const openTimes = [1, 2, 3, 4, 5].map(() => {
      const openMs = circuit.availableInMs(now)
      now += openMs
      request(circuit, 'failed', now)
      return Math.round(openMs / 100) / 10
    })
    expect(openTimes).toEqual([6, 8.4, 8.4, 8.4, 8.4])
  })

  test('lets one forced retry through per second while it is open', () => {
    const circuit = withoutJitter()
    open(circuit)
    expect([circuit.forcedRetryInMs(0), circuit.forcedRetryInMs(999), circuit.forcedRetryInMs(1000)]).toEqual(
      [1000, 1, 0],
    )
    const abandoned = circuit.acquire(1000)
    expect(circuit.forcedRetryInMs(1001)).toBeGreaterThan(1000)
    circuit.release(abandoned, 'ignored', 1002)
    expect(circuit.forcedRetryInMs(1002)).toBe(998)
    request(circuit, 'failed', 2000)
    expect([circuit.state, circuit.forcedRetryInMs(2000)]).toEqual(['open', 1000])
    request(circuit, 'worked', 3000)
    expect([circuit.state, circuit.forcedRetryInMs(3000)]).toEqual(['closed', 0])
  })

  test('opens when half of ten requests fail, though never three in a row', () => {
    const circuit = withoutJitter()
    for (let nth = 0; nth < 10; nth++) request(circuit, nth % 2 === 0 ? 'worked' : 'failed', nth)
    expect(circuit.state).toBe('open')
  })

  test('does not change its state for ignored outcomes, and tests again five seconds after the last test', () => {
    const circuit = withoutJitter()
    for (let nth = 0; nth < 50; nth++) request(circuit, 'ignored', nth)
    expect(circuit.state).toBe('closed')
    open(circuit)
    request(circuit, 'ignored', 5000)
    expect([circuit.state, circuit.availableInMs(5000)]).toEqual(['open', 5000])
  })

  test('is not opened twice by requests that were in flight when it opened', () => {
    const circuit = withoutJitter()
    const permits = Array.from({ length: 20 }, () => circuit.acquire(0))
    for (const permit of permits) circuit.release(permit, 'failed', 100)
    expect(circuit.availableInMs(100)).toBe(5000)
  })

  test('closes with the first byte of its trial, and opens again when that response breaks', () => {
    const circuit = withoutJitter()
    open(circuit)
    const trial = circuit.acquire(5000)
    circuit.onFirstByte(trial)
    expect(circuit.state).toBe('closed')
    circuit.release(trial, 'failed', 6000)
    expect([circuit.state, circuit.availableInMs(6000)]).toEqual(['open', 7000])
  })

  test('lets the next trial through when a trial gets no first byte within 7 s', () => {
    const circuit = withoutJitter()
    open(circuit)
    circuit.acquire(5000)
    expect([circuit.availableInMs(11_999), circuit.availableInMs(12_000)]).toEqual([1, 0])
  })
})

test('after any history one success at the end of the open time closes a circuit breaker', () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 40_000 }),
    outcome: fc.constantFrom('worked' as const, 'failed' as const, 'ignored' as const),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let random = 0
      const circuit = new CircuitBreaker(() => random)
      let now = 0
      for (const each of steps) {
        now += each.wait
        random = each.random
        if (circuit.availableInMs(now) === 0) request(circuit, each.outcome, now)
      }
      expect(circuit.availableInMs(now)).toBeLessThanOrEqual(8_400)
      now += circuit.availableInMs(now)
      request(circuit, 'worked', now)
      expect(circuit.state).toBe('closed')
    }),
  )
})
