import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { runInProcess } from '../../support/run-cli.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const CHAT = { model: 'local/loopback', messages: [{ role: 'user', content: 'hello' }] }

async function chat(broker: Broker, times: number): Promise<void> {
  for (let nth = 0; nth < times; nth++) await broker.post('/v1/chat/completions', CHAT)
  broker.rows()
}

test('an anchor that is kept elsewhere proves later that the end was cut off, with and without a broker', async () => {
  using folder = tempFolder()
  const dataDir = join(folder.path, 'v', 'hero_aibroker')
  const database = join(dataDir, 'requests.db')
  const [early, anchor] = [join(folder.path, 'early.json'), join(folder.path, 'anchor.json')]
  {
    await using broker = await startBroker({ folder: folder.path })
    const socket = ['--socket', broker.sockets.rpc]
    await chat(broker, 2)
    expect(await runInProcess(['ledger', 'anchor', '--out', early, ...socket])).toMatchObject({ exit: 0 })
    await chat(broker, 3)
    const printed = await runInProcess(['ledger', 'anchor', ...socket])
    writeFileSync(anchor, printed.out)
    expect(JSON.parse(printed.out)).toMatchObject({ version: 1, seq: 5, requests: 5 })
    expect(statSync(join(dataDir, 'ledger.key')).mode & 0o777).toBe(0o600)
    for (const path of [early, anchor]) {
      const { out, exit } = await runInProcess(['ledger', 'verify', '--anchor', path, ...socket])
      expect(out).toContain(`the same ledger as that of ${path}`)
      expect(out).toMatch(/^head {4}row 5, \S{44}$/m)
      expect(exit).toBe(0)
    }
    // Also beside the running broker.
    expect(await runInProcess(['ledger', 'verify', '--file', database])).toMatchObject({ exit: 0 })
    broker.signal('SIGTERM')
    await broker.ended
  }
  const intact = await runInProcess(['ledger', 'verify', '--file', database, '--anchor', anchor])
  expect(intact).toMatchObject({ exit: 0, err: '' })
  const cut = join(folder.path, 'cut.db')
  copyFileSync(database, cut)
  {
    using file = new DatabaseSync(cut)
    // As if the last two requests had never been, in every table that knows them.
    file.exec(`
      DELETE FROM request_logs WHERE seq > 3;
      UPDATE ledger_marks SET value = 0 WHERE name = 'rolled_up';
      DELETE FROM usage_days; DELETE FROM chain_heads`)
  }
  expect(await runInProcess(['ledger', 'verify', '--file', cut])).toMatchObject({ exit: 0 })
  expect(await runInProcess(['ledger', 'verify', '--file', cut, '--anchor', early])).toMatchObject({
    exit: 0,
  })
  const found = await runInProcess(['ledger', 'verify', '--file', cut, '--anchor', anchor])
  expect(found.exit).toBe(1)
  expect(found.err).toContain('the ledger ends at row 3, the anchor was taken at row 5')
  expect(existsSync(`${cut}-wal`)).toBe(false)
})

test('an update of a day total is found, and a tampered ledger gets no anchor', async () => {
  await using broker = await startBroker()
  const socket = ['--socket', broker.sockets.rpc]
  await chat(broker, 2)
  await runInProcess(['ledger', 'verify', ...socket])
  using file = new DatabaseSync(join(broker.folder, 'v', 'hero_aibroker', 'requests.db'), { timeout: 5000 })
  file.exec("INSERT INTO usage_days VALUES (19003, '10.0.0.9', '', '', 'm', 1, 0, 0, 0, 0, 5, 0, 0, 1, 1)")
  const verified = await runInProcess(['ledger', 'verify', '--json', ...socket])
  expect(verified.exit).toBe(1)
  expect(JSON.parse(verified.out)).toMatchObject({
    broken: { seq: 0, address: '10.0.0.9' },
    problems: [
      { kind: 'memory' },
      { kind: 'totals', reason: expect.stringContaining('2022-01-11') as string },
    ],
  })
  const anchor = await runInProcess(['ledger', 'anchor', ...socket])
  expect(anchor.exit).toBe(1)
  expect(anchor.err).toContain('a ledger that does not verify gets no anchor')
})

test.each([
  ['no file at that path', undefined, 'ENOENT'],
  ['a file that is no anchor', '{"seq":1}', 'is no anchor'],
  ['a file that is too long', 'x'.repeat(50_000), 'is no anchor'],
])('%s is wrong usage', async (_, content, reason) => {
  using folder = tempFolder()
  const path = join(folder.path, 'anchor.json')
  if (content !== undefined) writeFileSync(path, content)
  const { exit, err } = await runInProcess(['ledger', 'verify', '--anchor', path])
  expect({ exit, err }).toMatchObject({ exit: 2, err: expect.stringContaining(reason) as string })
})

test('a file that is no database, and a missing one, are named', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'requests.db')
  const missing = await runInProcess(['ledger', 'verify', '--file', path])
  expect(missing).toMatchObject({ exit: 5, err: `hero_aibroker: there is no database at ${path}\n` })
  writeFileSync(path, 'no database'.repeat(1000))
  const { exit, err } = await runInProcess(['ledger', 'verify', '--file', path])
  expect(exit).toBe(1)
  expect(err).toContain(`the database ${path} is damaged (file is not a database)`)
  expect(readFileSync(path, 'utf8')).toBe('no database'.repeat(1000))
})
