import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openStore, type Store } from '../../src/store/store.ts'
import { temporaryStore, type TemporaryStore } from './temporary-store.ts'

/** Writes a row with a number to count and a text that fills the disk. */
function notes(store: Store) {
  const insert = store.prepare(`INSERT INTO holds (id, ip, kind, model, streamed, started_at_ms)
    VALUES (?, ?, 'chat', 'gpt-4o', 0, 0)`)
  const all = store.prepare('SELECT id FROM holds ORDER BY rowid')
  return {
    add: (id: string, filling = '') => void insert.run(id, filling),
    ids: () => all.all().map((row) => row['id']),
  }
}

test('a write resolves after its commit, with the result of the job', async () => {
  await using here = temporaryStore()
  const { add } = notes(here.store)
  expect(await here.store.write(() => (add('one'), 7))).toBe(7)
  using reader = new DatabaseSync(here.path, { readOnly: true })
  expect(reader.prepare('SELECT id FROM holds').all()).toEqual([{ id: 'one' }])
})

/** Adds rows in one turn of the event loop, and returns how many rows another connection saw when each was written. */
function addTogether({ store, path }: TemporaryStore, ids: readonly string[]): Promise<unknown[]> {
  const { add } = notes(store)
  const reader = new DatabaseSync(path, { readOnly: true })
  const seen = reader.prepare('SELECT count(*) AS n FROM holds')
  const writes = ids.map((id) =>
    store.write(() => {
      add(id)
      return seen.get()?.['n']
    }),
  )
  return Promise.all(writes).finally(() => reader.close())
}

test('a write that comes alone is committed before the turn of the event loop goes on', async () => {
  await using here = temporaryStore()
  const { add, ids } = notes(here.store)
  for (const id of ['one', 'two']) {
    const order: string[] = []
    setImmediate(() => order.push('the rest of the turn'))
    await here.store.write(() => add(id)).then(() => order.push('committed'))
    await new Promise(setImmediate)
    expect(order).toEqual(['committed', 'the rest of the turn'])
  }
  expect(ids()).toEqual(['one', 'two'])
})

test('writes of one turn become one transaction; only the first one after a quiet turn is committed at once', async () => {
  await using here = temporaryStore()
  expect(await addTogether(here, ['one', 'two', 'three'])).toEqual([0, 1, 1])
  expect(await addTogether(here, ['four', 'five', 'six'])).toEqual([3, 3, 3])
  expect(await addTogether(here, ['seven'])).toEqual([6])
  expect(await addTogether(here, ['eight', 'nine'])).toEqual([7, 8])
})

test('a transaction has at most 64 writes', async () => {
  await using here = temporaryStore()
  await addTogether(here, ['a', 'b'])
  const seen = await addTogether(
    here,
    Array.from({ length: 65 }, (_, index) => `note ${index}`),
  )
  expect(seen.slice(62)).toEqual([2, 2, 66])
})

test('a write that throws does not undo the others of its transaction', async () => {
  await using here = temporaryStore()
  const { add, ids } = notes(here.store)
  const writes = await Promise.allSettled([
    here.store.write(() => add('before')),
    here.store.write(() => {
      add('half done')
      throw new Error('no')
    }),
    here.store.write(() => add('after')),
  ])
  expect(writes.map((write) => write.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(ids()).toEqual(['before', 'after'])
})

test('integers are read exactly, however large', async () => {
  await using here = temporaryStore()
  const big = 9_007_199_254_740_993n
  expect(here.store.prepare('SELECT ? AS amount').get(big)).toEqual({ amount: big })
})

test('flush puts everything queued before it into the file', async () => {
  await using here = temporaryStore()
  const { add, ids } = notes(here.store)
  void here.store.write(() => add('queued'))
  await here.store.flush()
  expect(ids()).toEqual(['queued'])
})

test('closing writes what is queued and rejects later writes', async () => {
  await using here = temporaryStore()
  const { add } = notes(here.store)
  const before = here.store
  const queued = before.write(() => add('queued'))
  const store = await here.reopen()
  await queued
  expect(notes(store).ids()).toEqual(['queued'])
  await expect(before.write(() => add('late'))).rejects.toMatchObject({ code: 'stopping' })
})

test('the files are readable by their owner alone', async () => {
  await using here = temporaryStore()
  await here.store.write(() => notes(here.store).add('one'))
  const modes = ['', '-wal', '-shm', '-lock'].map((suffix) => statSync(here.path + suffix).mode & 0o777)
  expect(modes).toEqual([0o600, 0o600, 0o600, 0o600])
})

test('a second broker on the same database is refused, and can open it once the first has closed it', async () => {
  await using here = temporaryStore()
  const { path, clock } = here
  const open = (): Store => openStore({ path, clock, durability: 'full' })
  expect(open).toThrow(/another broker is using/)
  expect(open).toThrow(expect.objectContaining({ code: 'cannot-start' }) as Error)
  await here.store.close()
  await open().close()
})

test('a missing folder is created, for its owner alone', async () => {
  await using here = temporaryStore()
  const folder = join(dirname(here.path), 'var', 'data')
  const path = join(folder, 'requests.db')
  await openStore({ path, clock: here.clock, durability: 'full' }).close()
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test.for<[string, (path: string) => void, RegExp]>([
  ['a file where the folder should be', (path) => writeFileSync(dirname(path), ''), /already exists/],
  [
    'a file that is no database',
    (path) => {
      mkdirSync(dirname(path))
      writeFileSync(path, 'x'.repeat(5000))
    },
    /not a database/,
  ],
])('%s is refused with the path, the reason and what would help', async ([, spoil, reason]) => {
  await using here = temporaryStore()
  const path = join(dirname(here.path), 'data', 'requests.db')
  spoil(path)
  const open = (): Store => openStore({ path, clock: here.clock, durability: 'full' })
  const refused = { code: 'cannot-start', message: expect.stringMatching(reason) as string }
  expect(open).toThrow(expect.objectContaining(refused) as Error)
  expect(open).toThrow(path)
  expect(open).toThrow(/PATH_VAR/)
})

test('a database from a newer program is refused and left as it is', async () => {
  await using here = temporaryStore()
  await here.store.close()
  const { path, clock } = here
  using database = new DatabaseSync(path)
  database.exec('PRAGMA user_version = 4711')
  const open = (): Store => openStore({ path, clock, durability: 'full' })
  expect(open).toThrow(/version 4711.*newer program/)
  expect(open).toThrow(expect.objectContaining({ code: 'cannot-start' }) as Error)
  expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 4711 })
  database.exec('PRAGMA user_version = 1')
})

test('the write-ahead log is emptied now and then while writing goes on', async () => {
  await using here = temporaryStore()
  const { add, ids } = notes(here.store)
  let written = 0
  let longest = 0
  const logBytes = (): number => statSync(`${here.path}-wal`).size
  while (longest < 4_000_000 || logBytes() > longest / 2) {
    await here.store.write(() => add(`note ${written}`, 'x'.repeat(20_000)))
    written++
    longest = Math.max(longest, logBytes())
    here.clock.advance(25)
  }
  expect(ids().length).toBe(written)
})

test('another program that holds the lock for a while delays writes, and none is rejected', async () => {
  await using here = temporaryStore()
  const { add, ids } = notes(here.store)
  using other = new DatabaseSync(here.path)
  other.exec('BEGIN IMMEDIATE')
  const write = here.store.write(() => add('patient'))
  await turnsOfTheLoop()
  expect(here.store.isWritable()).toBe(true)
  other.exec('COMMIT')
  here.clock.advance(10)
  await write
  expect(ids()).toEqual(['patient'])
})

test('a write that waits for the lock is run once per retry, however it was queued', async () => {
  await using here = temporaryStore()
  const { add } = notes(here.store)
  const after = here.clock.after.bind(here.clock)
  let planned = 0
  const counting = (ms: number, run: () => void) => {
    planned++
    return after(ms, run)
  }
  Object.assign(here.clock, { after: counting })
  using other = new DatabaseSync(here.path)
  other.exec('BEGIN IMMEDIATE')
  const write = here.store.write(() => add('patient'))
  for (let tries = 1; tries <= 5; tries++) {
    await turnsOfTheLoop()
    expect(planned).toBe(tries)
    here.clock.advance(10)
  }
  other.exec('COMMIT')
  await turnsOfTheLoop()
  here.clock.advance(10)
  await write
})

test('another program that never releases the lock counts as a full disk', async () => {
  await using here = temporaryStore()
  const { add } = notes(here.store)
  using other = new DatabaseSync(here.path)
  other.exec('BEGIN IMMEDIATE')
  const write = here.store.write(() => add('refused'))
  await turnsOfTheLoop()
  here.clock.advance(2000)
  await expect(write).rejects.toMatchObject({ code: 'store-full' })
  other.exec('COMMIT')
})

test('a lock is reported as a lock, and every write has its whole time to wait for it', async () => {
  await using here = temporaryStore()
  const { store, clock } = here
  const { add, ids } = notes(store)
  using other = new DatabaseSync(here.path)
  other.exec('BEGIN IMMEDIATE')
  const settled = store.writeWithRetry(() => add('settled'))
  const early = store.write(() => add('early'))
  early.catch(() => undefined)
  const advance = async (ms: number) => {
    await turnsOfTheLoop()
    clock.advance(ms)
    await turnsOfTheLoop()
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  await advance(1500)
  const late = store.write(() => add('late'))
  late.catch(() => undefined)
  await advance(10)
  await advance(490)
  await expect(early).rejects.toMatchObject({
    code: 'store-full',
    message: expect.stringMatching(/locked.*another program holds its lock/) as string,
  })
  // The first refusal leaves the patience of others as it is.
  expect(store.isWritable()).toBe(true)
  const later = store.write(() => add('later'))
  await advance(1000)
  other.exec('COMMIT')
  await advance(10)
  await Promise.all([settled, late, later])
  expect(ids()).toEqual(expect.arrayContaining(['settled', 'late', 'later']))
})

test('with a full disk writes are rejected, and those that must not be lost are written once there is space', async () => {
  await using here = temporaryStore()
  const { store, clock } = here
  const { add, ids } = notes(store)
  const pages = store.prepare('PRAGMA page_count').get()?.['page_count']
  store.prepare(`PRAGMA max_page_count = ${String(pages)}`).get()
  const refused = store.write(() => add('refused', 'x'.repeat(100_000)))
  const kept = [1, 2].map((n) => store.writeWithRetry(() => add(`kept ${n}`, 'x'.repeat(100_000))))
  await expect(refused).rejects.toMatchObject({ code: 'store-full' })
  expect(store.isWritable()).toBe(false)
  await expect(store.write(() => add('late'))).rejects.toMatchObject({ code: 'store-full' })

  clock.advance(1000)
  await turnsOfTheLoop()
  expect([store.isWritable(), ids()]).toEqual([false, []])

  store.prepare('PRAGMA max_page_count = 100000').get()
  clock.advance(1000)
  await Promise.all(kept)
  expect([store.isWritable(), ids()]).toEqual([true, ['kept 1', 'kept 2']])
})

test('closing with a full disk rejects what could not be written, and does not wait', async () => {
  await using here = temporaryStore()
  const { store } = here
  store.prepare('PRAGMA max_page_count = 1').get()
  const kept = store.writeWithRetry(() => notes(store).add('kept', 'x'.repeat(100_000)))
  const outcomes = Promise.allSettled([kept])
  await store.close()
  expect(await outcomes).toMatchObject([{ status: 'rejected', reason: { code: 'store-full' } }])
  expect(existsSync(`${here.path}-wal`)).toBe(false)
})

/** Waits long enough for the queue to have tried. */
async function turnsOfTheLoop(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}
