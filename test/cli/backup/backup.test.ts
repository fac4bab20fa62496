// `hero_aibroker backup`, `restore` and `doctor --backup` on a real daemon that is serving.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync, gzipSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { expect, test } from 'vitest'
import { verifyLedgerFile } from '../../../src/offline/verify-file.ts'
import { openaiAt } from '../../support/providers-env.ts'
import { runInProcess } from '../../support/run-cli.ts'
import { json, scriptedUpstream } from '../../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const CHAT = '/v1/chat/completions'
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 1200 },
}

const settingsOf = (folder: string) => ({
  HERO_SOCKET_DIR: join(folder, 's'),
  PATH_VAR: join(folder, 'v'),
  HOME: folder,
})

interface Sums {
  readonly rows: number
  readonly nano: number
}

/** Rows and their cost, up to a row, read by SQL of our own. */
function sumsIn(path: string, upTo = Number.MAX_SAFE_INTEGER): Sums {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  const sql = 'SELECT count(*) AS rows, sum(cost_nano) AS nano FROM request_logs WHERE seq <= ?'
  return { ...database.prepare(sql).get(upTo) } as unknown as Sums
}

interface BackupJson {
  readonly manifest: {
    readonly ledger: { readonly head: { seq: number; requests: number; cost_usd: string } }
  }
}

/** Sends requests, so many at a time, until the returned function is called; resolves with their number. */
function load(broker: Broker, concurrent: number): () => Promise<number> {
  const stopped = new AbortController()
  const one = async (): Promise<number> => {
    let count = 0
    for (; !stopped.signal.aborted; count++) expect((await broker.post(CHAT, hello)).status).toBe(200)
    return count
  }
  const all = Promise.all(Array.from({ length: concurrent }, one))
  return async () => {
    stopped.abort()
    return (await all).reduce((sum, count) => sum + count, 0)
  }
}

async function backedUp(requests = 3) {
  const home = tempFolder()
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = await startBroker({ env: openaiAt(upstream), folder: home.path })
  for (let n = 0; n < requests; n++) await broker.post(CHAT, hello)
  broker.rows()
  const file = join(home.path, 'backup.tar.gz')
  const run = await runInProcess(['backup', file], { environment: settingsOf(home.path) })
  return { home, file, run, [Symbol.dispose]: () => home[Symbol.dispose]() }
}

test(
  'a backup under load restores a ledger that verifies whole, with the sums of the rows until then',
  { timeout: 120_000 },
  async () => {
    using home = tempFolder()
    const file = join(home.path, 'backup.tar.gz')
    await using upstream = await scriptedUpstream([json(200, answer)])
    await using broker = await startBroker({ env: openaiAt(upstream), folder: home.path })
    await runInProcess(['tokens', 'create', 'ada'], { environment: settingsOf(home.path) })
    const stop = load(broker, 16)
    await expect.poll(() => broker.rows().length).toBeGreaterThan(200)
    const run = await runInProcess(['--json', 'backup', file], { environment: settingsOf(home.path) })
    await expect.poll(() => broker.rows().length).toBeGreaterThan(400)
    const sent = await stop()
    expect(run).toMatchObject({ exit: 0, err: '' })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const { head } = (JSON.parse(run.out) as BackupJson).manifest.ledger
    expect(head.requests).toBeGreaterThan(200)
    expect(head.requests).toBeLessThan(sent)

    const place = join(home.path, 'restored')
    const live = join(home.path, 'v', 'hero_aibroker', 'requests.db')
    expect(await runInProcess(['restore', file, '--to', place])).toMatchObject({ exit: 0 })
    const restored = join(place, 'requests.db')
    expect(await verifyLedgerFile(restored)).not.toHaveProperty('broken')
    expect(sumsIn(restored)).toEqual(sumsIn(live, head.seq))
    expect(sumsIn(restored).rows).toBe(head.requests)
    expect(Number(head.cost_usd) * 1e9).toBeCloseTo(sumsIn(restored).nano, 0)
  },
)

test('a broker goes on with what was restored: its rows, its tokens and what was open', async () => {
  using home = tempFolder()
  const file = join(home.path, 'backup.tar.gz')
  await using upstream = await scriptedUpstream([json(200, answer)])
  const env = openaiAt(upstream)
  let rows: number
  {
    await using broker = await startBroker({ env, folder: home.path })
    const environment = settingsOf(home.path)
    await runInProcess(['tokens', 'create', 'ada'], { environment })
    await broker.post(CHAT, hello)
    rows = broker.rows().length
    expect(await runInProcess(['backup', file], { environment })).toMatchObject({ exit: 0 })
  }
  using other = tempFolder()
  const environment = settingsOf(other.path)
  expect(await runInProcess(['restore', file], { environment })).toMatchObject({ exit: 0 })
  await using broker = await startBroker({ env, folder: other.path })
  expect(broker.rows()).toHaveLength(rows)
  expect((await runInProcess(['tokens'], { environment })).out).toContain('ada')
  expect((await broker.post(CHAT, hello)).status).toBe(200)
  expect(await runInProcess(['ledger', 'verify'], { environment })).toMatchObject({
    exit: 0,
    out: expect.stringContaining('intact') as string,
  })
})

test('a restore into a folder that has a ledger changes nothing', async () => {
  using made = await backedUp()
  const folder = join(made.home.path, 'v', 'hero_aibroker')
  const before = readdirSync(folder)
  const run = await runInProcess(['restore', made.file, '--to', folder])
  expect(run).toMatchObject({ exit: 2, err: expect.stringContaining('requests.db') as string })
  expect(readdirSync(folder)).toEqual(before)
})

test('doctor finds a sound backup good, and one that is cut or changed anywhere bad; neither is restored', async () => {
  using made = await backedUp()
  expect(made.run).toMatchObject({ exit: 0 })
  expect(await runInProcess(['doctor', '--backup', made.file])).toMatchObject({
    exit: 0,
    out: expect.stringMatching(/✓ .*as it was written: the ledger of .*, 3 requests, \$/) as string,
  })
  const whole = readFileSync(made.file)
  const place = join(made.home.path, 'place')
  const check = async (bytes: Buffer) => {
    const damaged = join(made.home.path, 'damaged.tar.gz')
    writeFileSync(damaged, bytes)
    const run = await runInProcess(['doctor', '--backup', damaged])
    expect(run).toMatchObject({ exit: 7, out: expect.stringContaining('no sound backup') as string })
    expect(await runInProcess(['restore', damaged, '--to', place])).toMatchObject({ exit: 2 })
    expect(readdirSync(place)).toEqual([])
  }
  for (const part of [0.05, 0.5, 0.95]) await check(whole.subarray(0, Math.floor(whole.length * part)))
  // Compressed again, so that only the checksums of the manifest can notice it.
  const tar = gunzipSync(whole)
  for (const at of changedPlaces(tar)) {
    const changed = Buffer.from(tar)
    changed[at] = (changed[at] ?? 0) ^ 1
    await check(gzipSync(changed))
  }
})

/** Places inside the files of an archive: a byte of the cost in the manifest, and bytes of the ledger. */
function changedPlaces(tar: Buffer): readonly number[] {
  const ledger = tar.indexOf('SQLite format 3')
  return [tar.indexOf('cost_usd') + 13, ledger + 30, ledger + 5000, tar.lastIndexOf('gpt-4o-mini')]
}

test('an archive with other files, and with paths that lead out of its folder, leaves none of them', async () => {
  using home = tempFolder()
  const file = join(home.path, 'evil.tar.gz')
  const evil = ['../evil', '/tmp/evil-of-a-backup', 'service/x.json'].map((name) => {
    return { header: { name, size: 1, type: 'file' }, body: 'x' } as const
  })
  writeFileSync(file, gzipSync(await packTar([...evil])))
  const place = join(home.path, 'deep', 'place')
  mkdirSync(place, { recursive: true })
  const run = await runInProcess(['restore', file, '--to', place])
  expect(run).toMatchObject({ exit: 2, err: expect.stringContaining('manifest.json') as string })
  expect(readdirSync(place)).toEqual([])
  expect(existsSync(join(home.path, 'deep', 'evil')) || existsSync('/tmp/evil-of-a-backup')).toBe(false)
})

test('a backup never replaces a file, holds no key of a provider, and needs no broker', async () => {
  using made = await backedUp()
  const environment = settingsOf(made.home.path)
  writeFileSync(join(made.home.path, 'v', 'hero_aibroker', '.env'), 'OPENAI_API_KEY=sk-secret\n', {
    mode: 0o600,
  })
  const again = await runInProcess(['backup', made.file], { environment })
  expect(again).toMatchObject({ exit: 2, err: expect.stringContaining('exists already') as string })
  const second = join(made.home.path, 'second.tar.gz')
  expect(await runInProcess(['backup', second], { environment })).toMatchObject({ exit: 0 })
  expect(gunzipSync(readFileSync(second)).includes('sk-secret')).toBe(false)
  expect(await runInProcess(['backup', second], { environment: { HOME: '/nowhere' } })).toMatchObject({
    exit: 5,
  })
  expect(readdirSync(made.home.path).filter((name) => name.startsWith('.hero'))).toEqual([])
})
