import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { createPace } from '../../../src/mcp/transport/stream-rate-limit.ts'
import { manualClock } from '../manual-clock.ts'

test('whoever waited for its turn leaves nothing behind at the signal', async () => {
  const clock = manualClock()
  const mayOpen = createPace(clock)
  const { signal } = new AbortController()
  const waiting = Array.from({ length: 60 }, () => mayOpen(signal))
  expect(getEventListeners(signal, 'abort')).toHaveLength(44)
  clock.advance(60_000)
  await Promise.all(waiting)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('nobody waits whose signal fires, or has fired before', async () => {
  const mayOpen = createPace(manualClock())
  const leave = new AbortController()
  const waiting = Array.from({ length: 60 }, () => mayOpen(leave.signal))
  leave.abort()
  await Promise.all([...waiting, mayOpen(leave.signal)])
  expect(getEventListeners(leave.signal, 'abort')).toHaveLength(0)
})
