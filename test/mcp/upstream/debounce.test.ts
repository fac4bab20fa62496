import { expect, test } from 'vitest'
import { createSettled } from '../../../src/mcp/upstream/debounce.ts'
import { manualClock } from '../manual-clock.ts'

/** Work that counts how often it began and ends when told. */
function countedWork() {
  const clock = manualClock()
  const ends: (() => void)[] = []
  const settled = createSettled(clock, () => new Promise((resolve) => ends.push(resolve)))
  const endFirst = async (): Promise<void> => {
    ends[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, settled, endFirst, runs: () => ends.length }
}

test('many wishes during a run are one more run', async () => {
  const { clock, settled, endFirst, runs } = countedWork()
  settled.soon()
  clock.advance(1000)
  for (let nth = 0; nth < 9; nth++) settled.soon()
  await endFirst()
  clock.advance(1000)
  expect(runs()).toBe(2)
})

test('what is cancelled during a run is not done again, whoever wishes for it', async () => {
  const { clock, settled, endFirst, runs } = countedWork()
  settled.soon()
  clock.advance(1000)
  settled.soon()
  settled.cancel()
  await endFirst()
  clock.advance(1000)
  settled.soon()
  clock.advance(1000)
  expect(runs()).toBe(1)
})

test('what is cancelled before its run is not done', () => {
  const { clock, settled, runs } = countedWork()
  settled.soon()
  settled.cancel()
  settled.soon()
  clock.advance(1000)
  expect(runs()).toBe(0)
})
