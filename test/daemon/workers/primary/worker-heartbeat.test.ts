import { expect, test } from 'vitest'
import { PULSE_MS, START_MS, watchWorker } from '../../../../src/daemon/workers/primary/worker-heartbeat.ts'
import { manualClock } from '../../../store/manual-clock.ts'

function scene() {
  const clock = manualClock()
  const ready = Promise.withResolvers<void>()
  const said: string[] = []
  const at = { clock, ready, said, answers: true, pulses: 0 }
  watchWorker({
    clock,
    ready: ready.promise,
    pulse: () => {
      at.pulses++
      return at.answers ? Promise.resolve() : new Promise(() => undefined)
    },
    isOver: () => said.length > 0,
    end: (why) => said.push(why),
  })
  return at
}

async function pass(clock: ReturnType<typeof manualClock>, times: number): Promise<void> {
  for (let nth = 0; nth < times; nth++) {
    clock.advance(PULSE_MS)
    await Promise.resolve()
  }
}

test('a worker that is not ready within the start timeout is killed', () => {
  const { clock, said } = scene()
  clock.advance(START_MS - 1)
  expect(said).toEqual([])
  clock.advance(1)
  expect(said).toEqual(['a worker was not ready within 60 s and is killed'])
})

test('a worker that could not start and does not exit is killed', async () => {
  const { clock, said, ready } = scene()
  ready.reject(new Error('the port is taken'))
  await Promise.resolve()
  clock.advance(START_MS)
  expect(said).toHaveLength(1)
})

test('a ready worker keeps running while it responds to pings, and is killed when it stops responding', async () => {
  const at = scene()
  at.ready.resolve()
  await Promise.resolve()
  await pass(at.clock, 2 * (START_MS / PULSE_MS))
  expect(at.said).toEqual([])
  at.answers = false
  await pass(at.clock, 5)
  expect(at.said).toEqual(['a worker does not respond to pings and is killed'])
})
