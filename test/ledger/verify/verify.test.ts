import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { money } from '../../../src/base/money.ts'
import { createLedger, type Ledger } from '../../../src/ledger/ledger.ts'
import { readAnchor, signAnchor, type Anchor } from '../../../src/ledger/verify/anchor.ts'
import { verifyFile } from '../../../src/ledger/verify/verify.ts'
import { temporaryStore, type TemporaryStore } from '../../store/temporary-store.ts'
import { finished, request } from '../samples.ts'

const DAY_S = 86_400
const FIRST_DAY = 19_000

/** Books rows of three payers, six a day. */
async function book(ledger: Ledger, rows: number, from = 0): Promise<void> {
  for (let nth = from; nth < from + rows; nth++) {
    const caller = { ip: `10.0.0.${nth % 3}`, context: nth % 3 === 1 ? 'lab' : undefined, token: undefined }
    const startedAt = (FIRST_DAY * DAY_S + Math.floor(nth / 6) * DAY_S + nth) * 1000
    const hold = await ledger.hold(request(`gen-${nth}`, { caller, startedAt }))
    await ledger.settle(hold, finished(nth % 5 === 4 ? undefined : money(100n), nth % 5 === 4 ? BOUNDED : {}))
  }
}

const BOUNDED = { costLow: money(0n), costHigh: money(70n), countSource: 'bounded' } as const

/** Runs SQL as somebody who opens the file with `sqlite3`, and knows the triggers. */
function tamper({ path }: TemporaryStore, sql: string): void {
  using database = new DatabaseSync(path, { timeout: 5000 })
  database.exec(`DROP TRIGGER IF EXISTS request_logs_never_change; ${sql}`)
}

/** 18 rows of which the first 12 are cleared away, and all but the last three are added up. */
async function bookedLedger(here: TemporaryStore): Promise<Ledger> {
  const ledger = createLedger({ store: here.store })
  await book(ledger, 24)
  await ledger.clear(FIRST_DAY + 2)
  await book(ledger, 3, 24)
  await ledger.whenWritten()
  return ledger
}

test('an untouched ledger verifies, with rows cleared away, added up and neither', async () => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  const verdict = await ledger.verify()
  expect(verdict).toMatchObject({ rows: 15, payers: 3, head: { seq: 27, requests: 27, cost: 2200n } })
  expect(verdict).not.toHaveProperty('broken')
  expect(await verifyFile(here.path)).toEqual(verdict)
  const reopened = createLedger({ store: await here.reopen() })
  expect(await reopened.verify()).toEqual(verdict)
})

test('a file that can’t be read while it is open is reported with what to do', async () => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  tamper(here, 'DROP TABLE request_logs')
  await expect(ledger.verify()).rejects.toThrow(
    `the database ${here.path} is damaged (no such table: request_logs): write what can be read`,
  )
})

const changes: readonly [string, string][] = [
  ['a day total', "UPDATE usage_days SET cost_nano = 1 WHERE day = 19003 AND ip = '10.0.0.0'"],
  ['a day total whose rows are cleared', 'UPDATE usage_days SET cost_nano = 1 WHERE day = 19000'],
  [
    'a cleared day in both tables',
    'UPDATE usage_days SET cost_nano = 1 WHERE day = 19000; UPDATE cleared_days SET cost_nano = 1 WHERE day = 19000',
  ],
  [
    'a cleared day removed from both tables',
    'DELETE FROM usage_days WHERE day = 19000; DELETE FROM cleared_days WHERE day = 19000',
  ],
  ['an uncertain amount', 'UPDATE usage_days SET uncertain_nano = 0'],
  ['a count of requests', 'UPDATE usage_days SET requests = requests - 1 WHERE day = 19003'],
  ['a count of tokens', 'UPDATE usage_days SET reasoning_tokens = 9 WHERE day = 19003'],
  ['the last use', 'UPDATE usage_days SET last_seen = last_seen + 1 WHERE day = 19003'],
  ['a removed day', 'DELETE FROM usage_days WHERE day = 19003'],
  ['an added day', "INSERT INTO usage_days VALUES (19003, 'x', '', '', 'm', 1, 0, 0, 0, 0, 5, 0, 0, 1, 1)"],
  [
    'a day moved to another payer',
    "UPDATE usage_days SET ip = '10.9.9.9' WHERE day = 19003 AND ip = '10.0.0.0'",
  ],
  ['a total that is a text', "UPDATE usage_days SET cost_nano = 'none' WHERE day = 19003"],
  ['a cost of a new row', 'UPDATE request_logs SET cost_nano = 1 WHERE seq = 26'],
  ['a value of another type', "UPDATE request_logs SET cost_nano = 'none' WHERE seq = 20"],
  ['a row of another payer’s number', 'UPDATE request_logs SET seq = 99 WHERE seq = 27'],
  ['a removed row', 'DELETE FROM request_logs WHERE seq = 20'],
  ['the removed first row', 'DELETE FROM request_logs WHERE seq = 13'],
  [
    'rows removed as if they had been cleared',
    "DELETE FROM request_logs WHERE seq < 15; UPDATE ledger_marks SET value = 14 WHERE name = 'cleared'",
  ],
  ['the end, up to the roll-up', 'DELETE FROM request_logs WHERE seq > 20'],
  ['the mark of the roll-up, put back', "UPDATE ledger_marks SET value = 20 WHERE name = 'rolled_up'"],
  ['the mark of the roll-up, put forward', "UPDATE ledger_marks SET value = 26 WHERE name = 'rolled_up'"],
  ['the mark before the hashes', "UPDATE ledger_marks SET value = 27 WHERE name = 'chained'"],
  ['the mark of the cleared rows', "UPDATE ledger_marks SET value = 20 WHERE name = 'cleared'"],
  ['a removed mark', "DELETE FROM ledger_marks WHERE name = 'rolled_up'"],
  ['a hash of a roll-up', "UPDATE chain_heads SET hash = 'AAAA' WHERE ip = '10.0.0.0'"],
  ['a removed hash of a roll-up', "DELETE FROM chain_heads WHERE ip = '10.0.0.0'"],
  ['a hash of what was cleared', "UPDATE chain_anchors SET hash = 'AAAA' WHERE ip = '10.0.0.0'"],
]

test.each(changes)('a change is found in the file alone, also after a restart: %s', async (_, sql) => {
  await using here = temporaryStore()
  await bookedLedger(here)
  await here.store.close()
  tamper(here, sql)
  const verdict = await verifyFile(here.path)
  expect(verdict.problems?.length).toBeGreaterThan(0)
  expect(verdict.broken?.reason).toBe(verdict.problems?.[0]?.reason)
})

const ends: readonly [string, string][] = [
  ['the rows after the roll-up', 'DELETE FROM request_logs WHERE seq > 24'],
  ['the last row', 'DELETE FROM request_logs WHERE seq = 27'],
]

test.each(ends)('the running broker notices a cut end: %s', async (_, sql) => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  tamper(here, sql)
  const { problems = [] } = await ledger.verify()
  expect(problems.map(({ kind }) => kind)).toContain('memory')
})

test('the running broker notices that all rows of a payer are gone before its first roll-up', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await book(ledger, 1)
  tamper(here, 'DELETE FROM request_logs')
  expect(await ledger.verify()).toMatchObject({ broken: { ip: '10.0.0.0' }, problems: [{ kind: 'memory' }] })
})

test('a ledger that is added up at the end of the broker notices a cut end without it', async () => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  await ledger.rollUp()
  await here.store.close()
  tamper(here, 'DELETE FROM request_logs WHERE seq = 27')
  expect(await verifyFile(here.path)).toMatchObject({ broken: { seq: 27 } })
})

test('writes during a verification do not disturb it', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  await book(ledger, 1200)
  const verdicts = Array.from({ length: 5 }, () => ledger.verify())
  await book(ledger, 700, 1200)
  await ledger.clear(FIRST_DAY + 50)
  for (const verdict of await Promise.all(verdicts)) expect(verdict).not.toHaveProperty('problems')
  expect(await ledger.verify()).not.toHaveProperty('problems')
})

test('a settlement that could not be written leaves the balance as it was', async () => {
  await using here = temporaryStore()
  const ledger = createLedger({ store: here.store })
  const hold = await ledger.hold(request('gen-1'))
  await expect(ledger.settle(hold, finished(money(10n ** 30n)))).rejects.toThrow(/./)
  expect(ledger.balance(hold.caller)).toEqual({ spent: 0n, held: 1_000_000n })
  expect(await ledger.verify()).not.toHaveProperty('problems')
})

async function anchored(here: TemporaryStore, ledger: Ledger): Promise<Anchor> {
  const { head } = await ledger.verify()
  return signAnchor(head, join(dirname(here.path), 'ledger.key'), 1)
}

test('an anchor still holds after more rows, a restart and clearing of older rows', async () => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  const anchor = await anchored(here, ledger)
  const head = readAnchor(anchor, join(dirname(here.path), 'ledger.key'))
  await book(ledger, 600, 27)
  await ledger.clear(FIRST_DAY + 3)
  expect(await ledger.verify(head)).not.toHaveProperty('problems')
  await here.store.close()
  expect(await verifyFile(here.path, { anchor: head })).not.toHaveProperty('problems')
})

test('an anchor finds a cut end of which the file has no trace, an old copy, and rewritten rows', async () => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  await here.store.flush()
  const copy = `${here.path}.old`
  for (const end of ['', '-wal']) if (existsSync(here.path + end)) copyFileSync(here.path + end, copy + end)
  await book(ledger, 5, 27)
  const { head: anchor } = await ledger.verify()
  await here.store.close()
  for (const [what, sql] of [
    ['its end was cut off', 'DELETE FROM request_logs WHERE seq > 30'],
    ['its hashes are others', "UPDATE request_logs SET hash = 'A' WHERE seq = 32"],
  ] as const) {
    const tampered = { ...here, path: `${here.path}.tampered` }
    copyFileSync(here.path, tampered.path)
    tamper(tampered, sql)
    const { problems = [] } = await verifyFile(tampered.path, { anchor })
    expect(problems.find(({ kind }) => kind === 'anchor')?.reason).toContain(what)
    rmSync(tampered.path)
  }
  expect(await verifyFile(copy)).not.toHaveProperty('problems')
  expect(await verifyFile(copy, { anchor })).toMatchObject({ problems: [{ kind: 'anchor', seq: 28 }] })
  // The old copy goes on with other rows.
  const path = join(dirname(here.path), 'requests.db')
  for (const end of ['', '-wal']) if (existsSync(copy + end)) copyFileSync(copy + end, path + end)
  const continued = createLedger({ store: await here.reopen() })
  await book(continued, 9, 100)
  expect(await continued.verify()).not.toHaveProperty('problems')
  expect((await continued.verify(anchor)).problems).toMatchObject([{ kind: 'anchor', seq: 32 }])
})

test('an anchor of rows that were cleared away since proves nothing, and says so', async () => {
  await using here = temporaryStore()
  const ledger = await bookedLedger(here)
  const { head: anchor } = await ledger.verify()
  await book(ledger, 20, 27)
  await ledger.clear(FIRST_DAY + 7)
  const { problems = [] } = await ledger.verify(anchor)
  expect(problems).toMatchObject([
    { kind: 'anchor', reason: expect.stringContaining('proves nothing') as string },
  ])
})

test('an anchor that was changed, or that another broker signed, is refused', async () => {
  await using here = temporaryStore()
  const keyPath = join(dirname(here.path), 'ledger.key')
  const anchor = await anchored(here, await bookedLedger(here))
  expect(() => readAnchor({ ...anchor, seq: 3 }, keyPath)).toThrow('it was changed')
  expect(() => readAnchor({ ...anchor, cost_usd: '0' }, keyPath)).toThrow('it was changed')
  expect(() => readAnchor({ ...anchor, signature: '' }, keyPath)).toThrow('it was changed')
  expect(() => readAnchor({ ...anchor, public_key: 'AAAA' }, keyPath)).toThrow('it was changed')
  const other = signAnchor(readAnchor(anchor, keyPath), `${keyPath}-2`, 1)
  expect(() => readAnchor(other, keyPath)).toThrow('signed by another broker')
})

test('a ledger that an earlier version cleared verifies after its update, and is sealed with the next clearing', async () => {
  await using here = temporaryStore()
  await bookedLedger(here)
  await here.store.close()
  tamper(
    here,
    'DROP TABLE cleared_days; DROP TABLE ledger_seals; DROP TABLE refused_requests;' +
      ['search_units', 'made_images', 'image_class']
        .map((column) => `ALTER TABLE request_logs DROP COLUMN ${column};`)
        .join('') +
      'PRAGMA user_version = 7',
  )
  const ledger = createLedger({ store: await here.reopen() })
  expect(await ledger.verify()).not.toHaveProperty('problems')
  await ledger.clear(FIRST_DAY + 3)
  expect(await ledger.verify()).not.toHaveProperty('problems')
  tamper(here, 'UPDATE cleared_days SET cost_nano = 1; UPDATE usage_days SET cost_nano = 1 WHERE day < 19003')
  expect((await ledger.verify()).problems?.map(({ reason }) => reason)).toContain(
    'the totals of rows that were cleared away were changed',
  )
})
