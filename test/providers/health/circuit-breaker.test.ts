import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBreaker, type Breaker } from '../../../src/providers/health/circuit-breaker.ts'

const calm = (): Breaker => createBreaker(() => 0)

function ask(breaker: Breaker, outcome: 'worked' | 'failed' | 'neither', now: number): void {
  breaker.leave(breaker.enter(now), outcome, now)
}

function open(breaker: Breaker, now = 0): void {
  for (let nth = 0; nth < 3; nth++) ask(breaker, 'failed', now)
}

describe('a circuit', () => {
  test('opens after three failures in a row, rests, and lets one request find out', () => {
    const breaker = calm()
    open(breaker)
    expect([breaker.state, breaker.restMs(0), breaker.restMs(4999)]).toEqual(['open', 5000, 1])
    expect(breaker.restMs(5000)).toBe(0)
    const trial = breaker.enter(5000)
    expect([breaker.state, breaker.restMs(5001) > 0]).toEqual(['half-open', true])
    breaker.leave(trial, 'worked', 5100)
    expect([breaker.state, breaker.restMs(5100)]).toEqual(['closed', 0])
  })

  test('rests longer each time its trial fails, but never so long that recovery waits for half a minute', () => {
    const breaker = createBreaker(() => 0.999)
    open(breaker)
    let now = 0
    const rests = [1, 2, 3, 4, 5].map(() => {
      const rest = breaker.restMs(now)
      now += rest
      ask(breaker, 'failed', now)
      return Math.round(rest / 1000)
    })
    expect(rests).toEqual([6, 12, 25, 25, 25])
  })

  test('lets a request through sooner that has nobody else to go to, one in a second', () => {
    const breaker = calm()
    open(breaker)
    expect([breaker.insistMs(0), breaker.insistMs(999), breaker.insistMs(1000)]).toEqual([1000, 1, 0])
    const left = breaker.enter(1000)
    expect(breaker.insistMs(1001)).toBeGreaterThan(1000)
    breaker.leave(left, 'neither', 1002)
    expect(breaker.insistMs(1002)).toBe(998)
    ask(breaker, 'failed', 2000)
    expect([breaker.state, breaker.insistMs(2000)]).toEqual(['open', 1000])
    ask(breaker, 'worked', 3000)
    expect([breaker.state, breaker.insistMs(3000)]).toEqual(['closed', 0])
  })

  test('opens when half of many answers fail, though never three in a row', () => {
    const breaker = calm()
    for (let nth = 0; nth < 10; nth++) ask(breaker, nth % 2 === 0 ? 'worked' : 'failed', nth)
    expect(breaker.state).toBe('open')
  })

  test('stays as it is over what says nothing of the endpoint', () => {
    const breaker = calm()
    for (let nth = 0; nth < 50; nth++) ask(breaker, 'neither', nth)
    expect(breaker.state).toBe('closed')
    open(breaker)
    ask(breaker, 'neither', 5000)
    expect([breaker.state, breaker.restMs(5000)]).toEqual(['open', 0])
  })

  test('is not opened twice by requests that were under way when it opened', () => {
    const breaker = calm()
    const passes = Array.from({ length: 20 }, () => breaker.enter(0))
    for (const pass of passes) breaker.leave(pass, 'failed', 100)
    expect(breaker.restMs(100)).toBe(5000)
  })

  test('is closed by the first word of its trial, and opened again when that answer breaks', () => {
    const breaker = calm()
    open(breaker)
    const trial = breaker.enter(5000)
    breaker.began(trial)
    expect(breaker.state).toBe('closed')
    breaker.leave(trial, 'failed', 6000)
    expect([breaker.state, breaker.restMs(6000)]).toEqual(['open', 10_000])
  })

  test('doesn’t wait for a trial that hears nothing', () => {
    const breaker = calm()
    open(breaker)
    breaker.enter(5000)
    expect([breaker.restMs(14_999), breaker.restMs(15_000)]).toEqual([1, 0])
  })
})

test('after any history one working answer a rest later closes it', () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 40_000 }),
    outcome: fc.constantFrom('worked' as const, 'failed' as const, 'neither' as const),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let random = 0
      const breaker = createBreaker(() => random)
      let now = 0
      for (const each of steps) {
        now += each.wait
        random = each.random
        if (breaker.restMs(now) === 0) ask(breaker, each.outcome, now)
      }
      expect(breaker.restMs(now)).toBeLessThanOrEqual(25_000)
      now += breaker.restMs(now)
      ask(breaker, 'worked', now)
      expect(breaker.state).toBe('closed')
    }),
  )
})
