import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { RowHasher } from '../../../src/ledger/entries/hash-chain.ts'
import { FIRST_LATER_COLUMN, ROW_COLUMNS } from '../../../src/ledger/entries/entry-row.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import type { Hold } from '../../../src/ledger/types.ts'
import { verifyFile } from '../../../src/ledger/verify/verify.ts'
import { temporaryStore } from '../../store/temporary-store.ts'
import { finished, request } from '../samples.ts'

const chainedHash = (before: string, values: Parameters<RowHasher['hash']>[1]): string =>
  new RowHasher().hash(before, values)

async function book(ledger: Ledger, rows: number, from = 0): Promise<void> {
  for (let nth = from; nth < from + rows; nth++) {
    const caller = { ip: `10.0.0.${nth % 3}`, context: nth % 2 === 0 ? 'lab' : undefined }
    const hold = await ledger.hold(
      request(`gen-${nth}`, { caller, startedAt: 1_700_000_000_000 + nth * 1000, group: 'gen-0' }),
    )
    await ledger.settle(hold, finished(money(BigInt(nth)), { model: 'gpt-4o' }))
  }
}

test('untouched rows verify, also after a restart', async () => {
  await using here = temporaryStore()
  await book(createLedger({ store: here.store }), 7)
  const ledger = createLedger({ store: await here.reopen() })
  await book(ledger, 600, 7)
  expect(await ledger.verify()).toEqual({ rows: 607, payers: 6, head: expect.anything() as object })
  expect(await verifyFile(here.path)).toEqual({ rows: 607, payers: 6, head: expect.anything() as object })
  await expect(verifyFile(`${here.path}-none`)).rejects.toMatchObject({ code: 'not-found' })
})

test('the chain stays valid when a transaction has to be written row by row just as the roll-up starts', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const rare = { caller: { ip: '10.0.0.9', context: undefined } }
  for (let nth = 0; nth < 499; nth++) await ledger.settle(await ledger.hold(request(`a${nth}`)), CHEAP)
  const holds: Hold[] = []
  for (let nth = 0; nth < 128; nth++)
    holds.push(await ledger.hold(request(`b${nth}`, nth === 10 || nth === 100 ? rare : {})))
  // Wait until nothing else is being written, so that later writes are committed at once.
  await ledger.whenWritten()
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  const unwritable = finished(money(10n ** 30n))
  await Promise.allSettled(holds.map((hold, nth) => ledger.settle(hold, nth === 20 ? unwritable : CHEAP)))
  expect(await ledger.verify()).toEqual({ rows: 626, payers: 2, head: expect.anything() as object })
})

const CHEAP = finished(money(1n))

const manipulations: readonly [string, string, { seq: number }][] = [
  ['a cost that was made smaller', "UPDATE request_logs SET cost_nano = 1 WHERE id = 'gen-4'", { seq: 5 }],
  ['a caller that was changed', "UPDATE request_logs SET ip = '10.9.9.9' WHERE id = 'gen-4'", { seq: 5 }],
  ['a removed row', "DELETE FROM request_logs WHERE id = 'gen-4'", { seq: 5 }],
  ['a hash that was removed', 'UPDATE request_logs SET hash = NULL WHERE seq = 9', { seq: 9 }],
  [
    'a row that was moved to another group',
    "UPDATE request_logs SET group_id = 'gen-9' WHERE id = 'gen-4'",
    { seq: 5 },
  ],
  [
    'a model that was exchanged',
    "UPDATE request_logs SET answered_model = 'gpt-5' WHERE id = 'gen-4'",
    { seq: 5 },
  ],
  ['images that were added', "UPDATE request_logs SET images = 3 WHERE id = 'gen-4'", { seq: 5 }],
  ['the end of a chain that was cut off', 'DELETE FROM request_logs WHERE seq > 12', { seq: 13 }],
]

test.each(manipulations)('%s is detected, and the row is named', async (_, sql, broken) => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await book(ledger, 18)
  await ledger.clear(0)
  using database = new DatabaseSync(here.path)
  database.exec(`DROP TRIGGER request_logs_never_change; ${sql}`)
  expect(await ledger.verify()).toMatchObject({ broken })
})

test('a write that had to be retried is chained like any other', async () => {
  await using here = temporaryStore()
  const { store } = here
  const ledger = createLedger({ store })
  await book(ledger, 3)
  const holds = await Promise.all([30, 33, 36].map((nth) => ledger.hold(request(`gen-${nth}`))))
  const settled = holds.map((hold) => ledger.settle(hold, finished(money(1n))))
  const failing = store.write(() => {
    throw new Error('another job of the same transaction fails')
  })
  await expect(failing).rejects.toThrow('fails')
  await Promise.all(settled)
  expect(await ledger.verify()).toEqual({ rows: 6, payers: 3, head: expect.anything() as object })
})

test('columns that were added later change no hash while they are NULL, and are told apart by their names', () => {
  const first = Array.from({ length: FIRST_LATER_COLUMN }, (_, nth) => (nth % 2 === 0 ? `${nth}` : null))
  const later = ROW_COLUMNS.slice(FIRST_LATER_COLUMN)
  const empty = later.map(() => null)
  expect(chainedHash('before', [...first, ...empty])).toBe(chainedHash('before', first))
  const filled = later.map((_, nth) => chainedHash('before', [...first, ...empty.with(nth, 1 as never)]))
  expect(new Set([chainedHash('before', first), ...filled]).size).toBe(later.length + 1)
})
