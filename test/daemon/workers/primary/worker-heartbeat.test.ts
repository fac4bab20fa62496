import { expect, test } from 'vitest'
import {
  PING_INTERVAL_MS,
  START_TIMEOUT_MS,
  startHeartbeat,
} from '../../../../src/daemon/workers/primary/worker-heartbeat.ts'
import { manualClock } from '../../../store/manual-clock.ts'

function scene() {
  const clock = manualClock()
  const ready = Promise.withResolvers<void>()
  const kills: string[] = []
  const at = { clock, ready, kills, isResponding: true, pings: 0 }
  startHeartbeat({
    clock,
    ready: ready.promise,
    ping: () => {
      at.pings++
      return at.isResponding ? Promise.resolve() : new Promise(() => undefined)
    },
    isExiting: () => kills.length > 0,
    kill: (reason) => kills.push(reason),
  })
  return at
}

async function advancePings(clock: ReturnType<typeof manualClock>, times: number): Promise<void> {
  for (let nth = 0; nth < times; nth++) {
    clock.advance(PING_INTERVAL_MS)
    await Promise.resolve()
  }
}

test('a worker that is not ready within the start timeout is killed', () => {
  const { clock, kills } = scene()
  clock.advance(START_TIMEOUT_MS - 1)
  expect(kills).toEqual([])
  clock.advance(1)
  expect(kills).toEqual(['a worker was not ready within 60 s and is killed'])
})

test('a worker that could not start and does not exit is killed', async () => {
  const { clock, kills, ready } = scene()
  ready.reject(new Error('the port is taken'))
  await Promise.resolve()
  clock.advance(START_TIMEOUT_MS)
  expect(kills).toHaveLength(1)
})

test('a ready worker keeps running while it responds to pings, and is killed when it stops responding', async () => {
  const at = scene()
  at.ready.resolve()
  await Promise.resolve()
  await advancePings(at.clock, 2 * (START_TIMEOUT_MS / PING_INTERVAL_MS))
  expect(at.kills).toEqual([])
  at.isResponding = false
  await advancePings(at.clock, 5)
  expect(at.kills).toEqual(['a worker does not respond to pings and is killed'])
})
