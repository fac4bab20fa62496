import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LogSync } from '../../src/store/durability/log-sync.ts'
import { manualClock } from '../support/manual-clock.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('a log that could not be opened once is opened by the next sync and closed without an error', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'a-wal')
  const sizes: number[] = []
  const options = { path, clock: manualClock(), isNeeded: true }
  const sync = new LogSync({ ...options, onLogSize: (bytes) => void sizes.push(bytes) })
  await expect(sync.now()).rejects.toMatchObject({ code: 'ENOENT' })
  writeFileSync(path, 'four')
  await sync.now()
  expect(sizes).toEqual([4])
  await expect(sync.close()).resolves.toBeUndefined()
})

test('a log that could never be opened does not keep the sync from closing', async () => {
  using folder = tempFolder()
  const options = { path: join(folder.path, 'none'), clock: manualClock(), isNeeded: true }
  const sync = new LogSync({ ...options, onLogSize: () => undefined })
  await expect(sync.now()).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(sync.close()).resolves.toBeUndefined()
})

test('what was written is synced while the main thread is busy, and commits that follow are synced again', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'a-wal')
  writeFileSync(path, 'four')
  const sizes: number[] = []
  const sync = new LogSync({
    path,
    clock: manualClock(),
    isNeeded: true,
    onLogSize: (bytes) => void sizes.push(bytes),
  })
  for (let round = 0; round < 3; round++) {
    sync.soon()
    // Nothing else of this thread runs here: no timer, no callback of the thread pool.
    const endMs = performance.now() + 5000
    while (!sync.isSynced && performance.now() < endMs);
    expect(sync.isSynced).toBe(true)
  }
  await expect.poll(() => sizes.length).toBeGreaterThan(0)
  expect(sizes[0]).toBe(4)
  await sync.close()
})

test('a log that does not exist yet is synced once it does', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'a-wal')
  const sync = new LogSync({ path, clock: manualClock(), isNeeded: true, onLogSize: () => undefined })
  sync.soon()
  expect(sync.isSynced).toBe(false)
  await expect(sync.now()).rejects.toMatchObject({ code: 'ENOENT' })
  writeFileSync(path, 'four')
  await expect.poll(() => sync.isSynced).toBe(true)
  await sync.close()
})
