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

test('a worker that is stuck before it is ready is ended', () => {
  const { clock, said } = scene()
  clock.advance(START_MS - 1)
  expect(said).toEqual([])
  clock.advance(1)
  expect(said).toEqual(['a worker does not get ready and is ended'])
})

test('one that could not start and does not end is ended', async () => {
  const { clock, said, ready } = scene()
  ready.reject(new Error('the port is taken'))
  await Promise.resolve()
  clock.advance(START_MS)
  expect(said).toHaveLength(1)
})

test('one that is ready is left alone for as long as it answers', async () => {
  const at = scene()
  at.ready.resolve()
  await Promise.resolve()
  await pass(at.clock, 2 * (START_MS / PULSE_MS))
  expect(at.said).toEqual([])
  at.answers = false
  await pass(at.clock, 5)
  expect(at.said).toEqual(['a worker does not answer any more and is ended'])
})
