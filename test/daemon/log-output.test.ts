// Where the daemon's log can't be written, requests are served all the same.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { launchBroker, startBroker, type StartingBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const LIMIT = { timeout: 60_000 }
const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
}

/** Resolves when `health` succeeds: the banner may not be visible. */
async function serving(broker: StartingBroker): Promise<void> {
  await expect
    .poll(async () => (await broker.get('/health').catch(() => undefined))?.status, { timeout: 30_000 })
    .toBe(200)
}

async function expectServes(broker: StartingBroker): Promise<void> {
  await serving(broker)
  for (let nth = 0; nth < 3; nth++) {
    // Each reload logs a line.
    expect(await broker.rpc('config.reload')).toBeDefined()
    expect((await broker.post('/v1/chat/completions', chat)).status).toBe(200)
  }
}

test.each([['1'], ['2']])(
  'a full disk behind both outputs neither stops the start nor a request, with %s processes',
  LIMIT,
  async (workers) => {
    const full = openSync('/dev/full', 'w')
    await using upstream = await scriptedUpstream([json(200, answer)])
    await using broker = launchBroker({
      env: { ...openaiAt(upstream), AIBROKER_WORKERS: workers },
      outputs: { stdout: full, stderr: full },
    })
    closeSync(full)
    await expectServes(broker)
    expect(broker.rows()).toHaveLength(3)
    await expect
      .poll(async () => ((await broker.rpc('info')) as { warnings: string[] }).warnings.join(), {
        timeout: 10_000,
      })
      .toContain('the log can’t be written (ENOSPC)')
    broker.signal('SIGTERM')
    expect((await broker.ended).exit).toBe(0)
  },
)

test('a pipe that nobody reads holds no request, and its lines appear when it is read', LIMIT, async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'pipe')
  execFileSync('mkfifo', [path])
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  const junk = fill(pipe)
  // Opened for itself, so that the daemon's end is blocking, as it is for a shell.
  const end = openSync(path, constants.O_RDWR)
  await using upstream = await scriptedUpstream([json(200, answer)])
  await using broker = launchBroker({ env: openaiAt(upstream), outputs: { stderr: end } })
  closeSync(end)
  await expectServes(broker)
  let text = ''
  await expect.poll(() => (text += read(pipe))).toContain('models file taken up')
  expect(text.length).toBeGreaterThan(junk)
  broker.signal('SIGTERM')
  expect((await broker.ended).exit).toBe(0)
  closeSync(pipe)
})

test('after SIGHUP the log goes to a new file where the old one was renamed', LIMIT, async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'broker.log')
  const file = openSync(path, 'a')
  await using broker = await startBroker({ folder: folder.path, outputs: { stderr: file } })
  closeSync(file)
  await broker.rpc('config.reload')
  await expect.poll(() => readFileSync(path, 'utf8')).toContain('models file taken up')
  renameSync(path, `${path}.1`)
  broker.signal('SIGHUP')
  await expect
    .poll(() => readFileSync(path, { encoding: 'utf8', flag: 'a+' }))
    .toContain('the configuration was read again')
})

function fill(pipe: number): number {
  let length = 0
  try {
    for (;;) length += writeSync(pipe, Buffer.alloc(4096, 'x'))
  } catch {
    return length
  }
}

function read(pipe: number): string {
  const bytes = Buffer.alloc(1024 * 1024)
  try {
    return bytes.toString('utf8', 0, readSync(pipe, bytes))
  } catch {
    return ''
  }
}
