import { expect, test } from 'vitest'
import { createRefusedRequests, OTHERS } from '../../../src/ledger/usage/refused-requests.ts'
import { manualClock } from '../../store/manual-clock.ts'
import { temporaryStore } from '../../store/temporary-store.ts'

const DAY_S = 86_400

test('refused requests are counted per caller, day and status, and are on the disk a second later', async () => {
  await using temporary = temporaryStore()
  const clock = manualClock(20_000 * DAY_S * 1000)
  const refused = createRefusedRequests(temporary.store, clock)
  for (let left = 3; left > 0; left--) refused.count({ ip: '10.0.0.1', context: 'lab' }, 429)
  refused.count({ ip: '10.0.0.1', context: 'lab' }, 402)
  refused.count({ ip: 'local', context: undefined, token: 'tok-1' }, 503)
  clock.advance(1000)
  await temporary.store.whenDrained()
  const another = createRefusedRequests(temporary.store, clock)
  expect(await another.counts()).toEqual([
    { day: 20_000, ip: '10.0.0.1', context: 'lab', token: '', status: 402, requests: 1 },
    { day: 20_000, ip: '10.0.0.1', context: 'lab', token: '', status: 429, requests: 3 },
    { day: 20_000, ip: 'local', context: '', token: 'tok-1', status: 503, requests: 1 },
  ])
  expect(await another.counts({ ip: 'local', context: '', token: '' })).toEqual([])
  expect(await another.counts({ since: 20_001 * DAY_S })).toEqual([])
})

test('any number of callers takes a bounded number of counts, and none is lost', async () => {
  await using temporary = temporaryStore()
  const clock = manualClock(20_000 * DAY_S * 1000)
  const refused = createRefusedRequests(temporary.store, clock)
  for (let round = 0; round < 12; round++) {
    for (let caller = 0; caller < 1200; caller++)
      refused.count({ ip: `10.0.${round}.${caller}`, context: undefined }, 429)
    await refused.flush()
  }
  const counts = await refused.counts()
  expect(counts.length).toBeLessThanOrEqual(10_001)
  expect(counts.reduce((sum, { requests }) => sum + requests, 0)).toBe(12 * 1200)
  expect(counts.find(({ ip }) => ip === OTHERS)?.requests).toBeGreaterThan(2400)
})
