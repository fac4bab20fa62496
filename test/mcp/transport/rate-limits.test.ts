import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createStreamRateLimit } from '../../../src/mcp/transport/rate-limits.ts'
import { manualClock } from '../manual-clock.ts'

test('a stream that waited for its turn leaves no listener on the signal', async () => {
  const clock = manualClock()
  const mayOpen = createStreamRateLimit(clock)
  const { signal } = new AbortController()
  const waiting = Array.from({ length: 60 }, () => mayOpen(signal))
  expect(getEventListeners(signal, 'abort')).toHaveLength(44)
  clock.advance(60_000)
  await Promise.all(waiting)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('a stream does not wait once its signal has fired', async () => {
  const mayOpen = createStreamRateLimit(manualClock())
  const leave = new AbortController()
  const waiting = Array.from({ length: 60 }, () => mayOpen(leave.signal))
  leave.abort()
  await Promise.all([...waiting, mayOpen(leave.signal)])
  expect(getEventListeners(leave.signal, 'abort')).toHaveLength(0)
})
