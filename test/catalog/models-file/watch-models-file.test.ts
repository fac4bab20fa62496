import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import type { Clock } from '../../../src/base/clock.ts'
import type { BrokerError } from '../../../src/base/errors.ts'
import type { ModelsFile } from '../../../src/catalog/models-file/models-file.ts'
import { watchModelsFile } from '../../../src/catalog/models-file/watch-models-file.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mod-'))
  path = join(folder, 'models.yml')
  writeFileSync(path, withModel('first'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const withModel = (name: string): string => `models: {${name}: {backends: [{provider: p, model_id: x}]}}`
const namesOf = (file: ModelsFile): string[] => [...file.catalog.models.keys()]

test('a changed file is read after the writes have stopped', async () => {
  await using watched = watching()
  writeFileSync(path, withModel('second'))
  expect(namesOf(await watched.good())).toEqual(['second'])
})

test('a file that is replaced by a rename is read again, twice in a row', async () => {
  await using watched = watching()
  for (const name of ['second', 'third']) {
    writeFileSync(join(folder, '.models.yml.swp'), withModel(name))
    renameSync(join(folder, '.models.yml.swp'), path)
    expect(namesOf(await watched.good())).toEqual([name])
  }
})

test('an invalid file is reported and replaces nothing until it is corrected', async () => {
  await using watched = watching()
  writeFileSync(path, 'models: {first: {backends: [{provider: p}]}}')
  expect((await watched.bad()).message).toContain(
    'models.yml:1:29: models.first.backends[0]: “model_id” is missing',
  )
  expect(watched.goodCount()).toBe(0)
  writeFileSync(path, withModel('mended'))
  expect(namesOf(await watched.good())).toEqual(['mended'])
})

test('a deleted file is reported, and read again when it reappears', async () => {
  await using watched = watching()
  rmSync(path)
  expect((await watched.bad()).message).toContain('can’t read the models file')
  writeFileSync(path, withModel('back'))
  expect(namesOf(await watched.good())).toEqual(['back'])
})

test('several writes in a row are read once, and nothing is read after close', async () => {
  const clock = heldClock()
  const seen: string[][] = []
  const watcher = watchModelsFile({
    path,
    clock,
    onGood: (file) => seen.push(namesOf(file)),
    onBad: (error) => {
      throw error
    },
  })
  writeFileSync(path, withModel('second'))
  await clock.requested()
  writeFileSync(path, withModel('third'))
  await clock.requested()
  clock.release()
  await expect.poll(() => seen).toEqual([['third']])
  writeFileSync(path, withModel('fourth'))
  await clock.requested()
  watcher.close()
  clock.release()
  expect(seen).toEqual([['third']])
})

/** Watches `path` with a clock that hardly waits; each call of `good` or `bad` takes the next report. */
function watching() {
  const good = queue<ModelsFile>()
  const bad = queue<BrokerError>()
  const watcher = watchModelsFile({ path, clock: soonClock, onGood: good.put, onBad: bad.put })
  return {
    good: good.take,
    bad: bad.take,
    goodCount: good.count,
    async [Symbol.asyncDispose]() {
      watcher.close()
    },
  }
}

function queue<T>() {
  const items: T[] = []
  const takers: ((item: T) => void)[] = []
  return {
    put: (item: T): void => {
      const taker = takers.shift()
      if (taker === undefined) items.push(item)
      else taker(item)
    },
    take: (): Promise<T> => {
      const item = items.shift()
      return item === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(item)
    },
    count: () => items.length,
  }
}

/** Timers this long only poll the file. */
const POLL_MS = 2000

/** A clock whose timers run once the pending events are handled. */
const soonClock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  after(ms, run) {
    if (ms >= POLL_MS) return () => undefined
    const next = setImmediate(run)
    return () => clearImmediate(next)
  },
}

/** A clock whose timers run when they are released. */
function heldClock() {
  const requested = queue<true>()
  const waiting = new Set<() => void>()
  return {
    now: () => 0,
    monotonic: () => 0,
    after(ms: number, run: () => void) {
      if (ms >= POLL_MS) return () => undefined
      waiting.add(run)
      requested.put(true)
      return () => waiting.delete(run)
    },
    requested: requested.take,
    release() {
      for (const run of waiting) run()
      waiting.clear()
    },
  }
}
