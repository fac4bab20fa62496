import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LogSync } from '../../src/store/log-sync.ts'
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
