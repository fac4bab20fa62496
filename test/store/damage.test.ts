import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { BrokerError } from '../../src/base/errors.ts'
import { systemClock } from '../../src/base/clock.ts'
import { money } from '../../src/base/money.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { verifyFile } from '../../src/ledger/verify/verify.ts'
import { salvageFile } from '../../src/offline/salvage-file.ts'
import { openStore } from '../../src/store/store.ts'
import { finished, request } from '../ledger/samples.ts'
import { runInProcess } from '../support/run-cli.ts'
import { startBroker, runUntilExit } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { startInProcessDaemon } from '../support/in-process-daemon.ts'

const ROWS = 700

/** A database of 700 rows of just now, half an hour at most, with totals up to the last row. */
async function writeLedger(path: string): Promise<void> {
  const store = openStore({ path, clock: systemClock, durability: 'power-safe-soon' })
  const ledger = createLedger({ store })
  for (let nth = 0; nth < ROWS; nth++) {
    const caller = { ip: `10.0.0.${nth % 4}`, context: nth % 2 === 0 ? 'lab' : undefined, token: undefined }
    const hold = await ledger.hold(request(`gen-${nth}`, { caller, startedAt: Date.now() - 1000 + nth }))
    void ledger.settle(hold, finished(money(100n)))
  }
  await ledger.whenWritten()
  await ledger.rollUp()
  await store.close()
}

/** A sequence that is the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test('whatever is damaged, the broker starts or says in a sentence what to do, and what can be read is salvaged', async () => {
  using folder = tempFolder()
  const good = join(folder.path, 'good.db')
  await writeLedger(good)
  const bytes = readFileSync(good)
  const counts = { started: 0, refused: 0, salvaged: 0, rows: 0 }
  const times = Number(process.env['FUZZ_TIMES'] ?? 1) * 40
  for (let nth = 0; nth < times; nth++) {
    const random = randomNumbers(nth)
    const dataDir = join(folder.path, `v${nth}`, 'hero_aibroker')
    mkdirSync(dataDir, { recursive: true })
    const path = join(dataDir, 'requests.db')
    const spoiled = Buffer.from(bytes)
    const at = Math.floor(random() * spoiled.length)
    const length = [1, 8, 64, 4096][nth % 4] ?? 1
    for (let byte = at; byte < Math.min(at + length, spoiled.length); byte++) spoiled[byte] = random() * 256
    if (nth % 10 === 9) writeFileSync(path, spoiled.subarray(0, at))
    else writeFileSync(path, spoiled)
    const before = readFileSync(path)
    try {
      const to = join(dataDir, 'new.db')
      const { tables } = await salvageFile(path, to)
      counts.salvaged++
      counts.rows += tables.find(({ table }) => table === 'request_logs')?.copied ?? 0
      expect(await verifyFile(to), `corruption ${nth}`).not.toHaveProperty('broken')
    } catch (error) {
      expect(error, `corruption ${nth}`).toBeInstanceOf(BrokerError)
      expect((error as BrokerError).message).toContain(path)
    }
    expect(readFileSync(path).equals(before), `corruption ${nth} left the old file`).toBe(true)
    try {
      const store = openStore({ path, clock: systemClock, durability: 'power-safe-soon' })
      await store.close()
    } catch (error) {
      expect((error as Error).message).toContain(path)
    }
    writeFileSync(path, before)
    try {
      await using _ = await startInProcessDaemon({ varDir: join(folder.path, `v${nth}`) })
      counts.started++
    } catch (error) {
      expect(error, `corruption ${nth}`).toMatchObject({ code: 'cannot-start' })
      expect((error as Error).message).toContain(`${path} is damaged (`)
      expect((error as Error).message).toContain('doctor --salvage')
      counts.refused++
    }
  }
  expect(counts.started + counts.refused).toBe(times)
  expect(counts.salvaged).toBeGreaterThan(times * 0.8)
  expect(counts.rows / counts.salvaged).toBeGreaterThan(ROWS * 0.8)
}, 300_000)

async function dataDirWith(folder: string, sql: string): Promise<string> {
  const dataDir = join(folder, 'v', 'hero_aibroker')
  mkdirSync(dataDir, { recursive: true })
  const path = join(dataDir, 'requests.db')
  await writeLedger(path)
  using database = new DatabaseSync(path)
  database.exec(`DROP TRIGGER request_logs_never_change; ${sql}`)
  return path
}

test.each([
  ['its attempts are no JSON', "UPDATE request_logs SET attempts_detail = '[{' WHERE seq > 690"],
  ['a count is a text', "UPDATE request_logs SET attempts = 'two' WHERE seq = 700"],
])('a damaged recent row does not keep the broker from starting: %s', async (_, sql) => {
  using folder = tempFolder()
  const path = await dataDirWith(folder.path, sql)
  await using broker = await startBroker({ folder: folder.path })
  const chat = { model: 'local/loopback', messages: [{ role: 'user', content: 'hello' }] }
  expect(await broker.post('/v1/chat/completions', chat)).toMatchObject({ status: 200 })
  expect(broker.stderr()).toContain('a recent row of the ledger is damaged')
  const { out, exit } = await runInProcess(['doctor', '--socket', broker.sockets.rpc])
  expect(out).toContain(`✗ ${path}: row 69`.slice(0, -2))
  expect(exit).toBe(7)
})

test.each([
  ['a total is a text', "UPDATE usage_days SET cost_nano = 'none'", 'column spent'],
  [
    'a hold has no address',
    "INSERT INTO holds (id, ip, kind, model, streamed, started_at_ms) VALUES ('a', x'00', 'chat', 'm', 0, 0)",
    'column ip',
  ],
  ['a limit is no JSON', "INSERT INTO limit_rules VALUES ('default', '{', 0)", 'JSON'],
  ['the end is cut off', 'DELETE FROM request_logs WHERE seq > 650', 'rows 651 to 700'],
  ['a table is missing', 'DROP TABLE kept_answers', 'no such table'],
  ['a mark is missing', "DELETE FROM ledger_marks WHERE name = 'rolled_up'", 'rolled_up'],
])(
  'damage to what requests need is a sentence with the file, the fault and the help: %s',
  async (_, sql, fault) => {
    using folder = tempFolder()
    const path = await dataDirWith(folder.path, sql)
    const { exit, stderr } = await runUntilExit({ folder: folder.path })
    const line = stderr.split('\n').find((text) => text.startsWith('hero_aibroker_server:')) ?? ''
    expect(line).toContain(`the database ${path} is damaged (`)
    expect(line).toContain(fault)
    expect(line).toContain(`“hero_aibroker doctor --salvage ${path}”`)
    expect(stderr).not.toMatch(/^ {4}at /m)
    expect(exit).toBe(1)
  },
)

test('what a salvage writes starts a broker, with the totals of lost rows, and the old file is as it was', async () => {
  using folder = tempFolder()
  const path = await dataDirWith(
    folder.path,
    "UPDATE request_logs SET attempts_detail = '[{' WHERE seq IN (5, 6)",
  )
  const before = readFileSync(path)
  const to = join(folder.path, 'new.db')
  const { out, exit } = await runInProcess(['doctor', '--salvage', path, '--out', to])
  expect(out).toContain('request_logs: 698 rows, 2 damaged rows left out\n')
  expect(out).toContain('totals of lost rows are kept')
  expect(exit).toBe(0)
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(await verifyFile(to)).toMatchObject({
    rows: 698,
    head: { requests: ROWS, cost: BigInt(ROWS * 100) },
  })
  expect(await runInProcess(['doctor', '--salvage', path, '--out', to])).toMatchObject({ exit: 2 })
  copyFileSync(to, path)
  await using broker = await startBroker({ folder: folder.path })
  expect(await broker.rpc('usage.summary')).toMatchObject({ totals: { requests: ROWS, cost_usd: '0.00007' } })
  expect(await broker.rpc('ledger.verify')).not.toHaveProperty('broken')
  const busy = await runInProcess(['doctor', '--salvage', path, '--out', `${to}-2`])
  expect(busy.err).toContain('another broker is using')
})

test('an intact ledger is copied as it is, with its hashes', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'requests.db')
  await writeLedger(path)
  const to = join(folder.path, 'new.db')
  expect(await salvageFile(path, to)).toMatchObject({ isRebuilt: false })
  expect((await verifyFile(to)).head).toEqual((await verifyFile(path)).head)
})
