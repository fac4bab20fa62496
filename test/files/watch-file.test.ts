import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { watchFile } from '../../src/files/watch-file.ts'
import { tempFolder } from '../support/temp-folder.ts'

const POLL_MS = 2000

test('a file that is written, replaced, removed and created again is reported each time', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'file')
  writeFileSync(path, '1')
  using watched = watching(path)
  writeFileSync(path, '2')
  expect(await watched.changed()).toBe(true)
  writeFileSync(`${path}.new`, '3')
  renameSync(`${path}.new`, path)
  expect(await watched.changed()).toBe(true)
  rmSync(path)
  expect(await watched.changed()).toBe(true)
  writeFileSync(path, '4')
  expect(await watched.changed()).toBe(true)
})

test('a file of a ConfigMap is reported each time when its folder is swapped', async () => {
  using folder = tempFolder()
  const swap = configMap(folder.path)
  swap('1')
  symlinkSync('..data/file', join(folder.path, 'file'))
  using watched = watching(join(folder.path, 'file'))
  for (const version of ['2', '3', '4']) {
    swap(version)
    expect(await watched.changed()).toBe(true)
  }
})

test('a file behind links is reported when it is written at its own place, and when any link is changed', async () => {
  using folder = tempFolder()
  const at = (name: string): string => join(folder.path, name)
  for (const name of ['etc', 'repo', 'other']) mkdirSync(at(name))
  for (const name of ['repo', 'other']) writeFileSync(join(at(name), 'file'), name)
  symlinkSync('../repo', at('etc/current'))
  symlinkSync('etc/current/file', at('file'))
  using watched = watching(at('file'))
  writeFileSync(at('repo/file'), 'written')
  expect(await watched.changed()).toBe(true)
  symlinkSync('../other', at('etc/next'))
  renameSync(at('etc/next'), at('etc/current'))
  expect(await watched.changed()).toBe(true)
  writeFileSync(at('other/file'), 'written')
  expect(await watched.changed()).toBe(true)
  unlinkSync(at('file'))
  symlinkSync('repo/file', at('file'))
  expect(await watched.changed()).toBe(true)
})

test('a file in a folder that is created only later is reported', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'a', 'b', 'file')
  using watched = watching(path)
  mkdirSync(join(folder.path, 'a', 'b'), { recursive: true })
  expect(await watched.changed()).toBe(true)
  writeFileSync(path, '1')
  expect(await watched.changed()).toBe(true)
})

test('a change that no event announces is found by the poll', async () => {
  using folder = tempFolder()
  mkdirSync(join(folder.path, 'outer', 'inner'), { recursive: true })
  const path = join(folder.path, 'outer', 'inner', 'file')
  writeFileSync(path, '1')
  const clock = pollingClock()
  using watched = watching(path, clock)
  // The folder that is watched moves away together with its file, and another one takes its place.
  renameSync(join(folder.path, 'outer'), join(folder.path, 'moved'))
  mkdirSync(join(folder.path, 'outer', 'inner'), { recursive: true })
  writeFileSync(path, '2')
  clock.poll()
  expect(await watched.changed()).toBe(true)
})

test('links that lead to each other are watched without an end', async () => {
  using folder = tempFolder()
  const at = (name: string): string => join(folder.path, name)
  symlinkSync('b', at('a'))
  symlinkSync('a', at('b'))
  using watched = watching(at('a'))
  unlinkSync(at('b'))
  writeFileSync(at('b'), '1')
  expect(await watched.changed()).toBe(true)
})

test('other files of the folder are not reported', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'file')
  writeFileSync(path, '1')
  const clock = pollingClock()
  using watched = watching(path, clock)
  for (let at = 0; at < 50; at++) writeFileSync(join(folder.path, `other-${at}`), '1')
  utimesSync(path, 1, 1)
  expect(await watched.changed()).toBe(true)
  expect(watched.count()).toBe(1)
})

function configMap(folder: string): (version: string) => void {
  return (version) => {
    mkdirSync(join(folder, `..${version}`))
    writeFileSync(join(folder, `..${version}`, 'file'), version)
    symlinkSync(`..${version}`, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
}

function watching(path: string, clock: Clock = quickClock) {
  let changes = 0
  let seen = 0
  const watch = watchFile(path, clock, () => changes++)
  return {
    count: () => changes,
    /** Whether something was reported since the last call; waits for it. */
    async changed(): Promise<boolean> {
      await vi.waitUntil(() => changes > seen, { timeout: 5000, interval: 5 })
      // The events of one change may arrive apart.
      await new Promise((resolve) => setTimeout(resolve, 30))
      seen = changes
      return true
    },
    [Symbol.dispose]: () => watch.close(),
  }
}

/** The file is never polled, and a change is reported as soon as its events are handled. */
const quickClock: Clock = {
  ...systemClock,
  after: (ms, run) => (ms >= POLL_MS ? () => undefined : systemClock.after(1, run)),
}

/** Polls once per call of `poll`. */
function pollingClock(): Clock & { poll(): void } {
  let next = (): void => undefined
  return {
    ...quickClock,
    after(ms, run) {
      if (ms < POLL_MS) return quickClock.after(ms, run)
      next = run
      return () => undefined
    },
    poll: () => next(),
  }
}
