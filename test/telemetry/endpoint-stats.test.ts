import { expect, test } from 'vitest'
import { createEndpointStats } from '../../src/telemetry/endpoint-stats.ts'
import type { Settlement } from '../../src/ledger/types.ts'
import { manualClock } from '../support/manual-clock.ts'

function bookOf() {
  const clock = manualClock()
  const book = createEndpointStats(clock)
  const note = (firstTokenMs: number, times = 1): void => {
    const settlement = { attempts: [], endpoint: 'a/m', status: 'finished', firstTokenMs, durationMs: 2000 }
    for (let nth = 0; nth < times; nth++) book.record(settlement as unknown as Settlement)
  }
  return { clock, book, note }
}

test('the slow latency is known from the twentieth response on, and follows each response while there are few', () => {
  const { book, note } = bookOf()
  for (let nth = 1; nth < 20; nth++) {
    note(100)
    expect(book.slowMs('a/m')).toBeUndefined()
  }
  note(100)
  expect(book.slowMs('a/m')).toBe(100)
  note(300, 2)
  expect(book.slowMs('a/m')).toBe(300)
  expect(book.of('a/m')?.latency).toMatchObject({ p50: 100, p99: 300 })
})

test('the slow latency of a busy endpoint is updated once a sixteenth of its samples is new, or after a second', () => {
  const { clock, book, note } = bookOf()
  note(100, 512)
  expect(book.slowMs('a/m')).toBe(100)
  note(900, 31)
  expect(book.slowMs('a/m')).toBe(100)
  note(900)
  expect(book.slowMs('a/m')).toBe(900)
  note(2000, 31)
  expect(book.slowMs('a/m')).toBe(900)
  clock.advance(1000)
  expect(book.slowMs('a/m')).toBe(2000)
  expect(book.of('a/m')?.latency?.p50).toBe(100)
})

test('statistics cover the last half hour, and the latest 512 samples', () => {
  const { clock, book, note } = bookOf()
  note(100, 600)
  note(700, 512)
  expect(book.of('a/m')?.latency).toMatchObject({ p50: 700, p99: 700 })
  clock.advance(31 * 60_000)
  expect(book.of('a/m')).toBeUndefined()
  expect(book.uptime('a/m', 60_000)).toBeUndefined()
  expect(book.uptime('a/m', 24 * 60 * 60_000)).toBe(100)
})
