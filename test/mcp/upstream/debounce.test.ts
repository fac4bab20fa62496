import { expect, test } from 'vitest'
import { createDebounced } from '../../../src/mcp/upstream/debounce.ts'
import { manualClock } from '../manual-clock.ts'

/** Work that counts its runs; a run ends when the test ends it. */
function countedWork() {
  const clock = manualClock()
  const ends: (() => void)[] = []
  const debounced = createDebounced(clock, () => new Promise((resolve) => ends.push(resolve)))
  const endFirst = async (): Promise<void> => {
    ends[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { clock, debounced, endFirst, runs: () => ends.length }
}

test('work triggered many times during a run runs once more', async () => {
  const { clock, debounced, endFirst, runs } = countedWork()
  debounced.trigger()
  clock.advance(1000)
  for (let nth = 0; nth < 9; nth++) debounced.trigger()
  await endFirst()
  clock.advance(1000)
  expect(runs()).toBe(2)
})

test('work cancelled during a run does not run again, even when triggered', async () => {
  const { clock, debounced, endFirst, runs } = countedWork()
  debounced.trigger()
  clock.advance(1000)
  debounced.trigger()
  debounced.cancel()
  await endFirst()
  clock.advance(1000)
  debounced.trigger()
  clock.advance(1000)
  expect(runs()).toBe(1)
})

test('work cancelled before its run does not run', () => {
  const { clock, debounced, runs } = countedWork()
  debounced.trigger()
  debounced.cancel()
  debounced.trigger()
  clock.advance(1000)
  expect(runs()).toBe(0)
})
