import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createUpstreamIds } from '../../../src/inference/response/upstream-ids.ts'
import { openStore } from '../../../src/store/store.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const DAY_MS = 86_400_000

test('a router’s id maps to our own at once and after a restart; any other id is returned as it is', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'requests.db')
  const clock = manualClock()
  const parts = { clock, keepDays: 90 }
  const before = openStore({ path, clock, durability: 'full' })
  const ids = createUpstreamIds({ store: before, ...parts })
  ids.add('gen-theirs', 'gen-ours')
  expect([ids.resolve('gen-theirs'), ids.resolve('gen-other')]).toEqual(['gen-ours', 'gen-other'])
  await before.flush()
  expect(ids.resolve('gen-theirs')).toBe('gen-ours')
  await before.close()
  const after = openStore({ path, clock, durability: 'full' })
  expect(createUpstreamIds({ store: after, ...parts }).resolve('gen-theirs')).toBe('gen-ours')
  await after.close()
})

test('upstream ids are deleted when the ledger rows they map to are', async () => {
  using folder = tempFolder()
  const clock = manualClock()
  const store = openStore({ path: join(folder.path, 'requests.db'), clock, durability: 'full' })
  createUpstreamIds({ store, clock, keepDays: 30 }).add('gen-old', 'gen-1')
  await store.flush()
  clock.advance(31 * DAY_MS)
  const later = createUpstreamIds({ store, clock, keepDays: 30 })
  later.add('gen-new', 'gen-2')
  await store.flush()
  expect([later.resolve('gen-old'), later.resolve('gen-new')]).toEqual(['gen-old', 'gen-2'])
  await store.close()
})
