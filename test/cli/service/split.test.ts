// `hero_aibroker service --split` and `--reset` with the built-in supervisor: real processes of a mother and her child.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MAIN, runProcess } from '../../support/run-cli.ts'
import { json, scriptedUpstream } from '../../support/scripted-upstream.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const LIMIT = { timeout: 180_000 }
const SAID = 'the mother has answered'
const ANSWER = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: SAID }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
}

/** A host of its own, whose mother alone has the key of a provider at `url`. */
async function host(url: string) {
  const home = tempFolder()
  const data = join(home.path, 'hero', 'var')
  const port = await freePort()
  mkdirSync(join(data, 'hero_aibroker_root'), { recursive: true })
  writeFileSync(join(data, 'hero_aibroker_root', '.env'), 'OPENAI_API_KEY=test-key\n', { mode: 0o600 })
  const environment = {
    HOME: home.path,
    AIBROKER_DETECT: 'off',
    AIBROKER_CATALOG: 'off',
    AIBROKER_OPENAI_URL: url,
  }
  const run = (...args: readonly string[]) => runProcess(process.execPath, [MAIN, ...args], { environment })
  const split = ['--manager', 'builtin', '--split', '--mother-port', `${port}`]
  const service = (name: string, ...args: readonly string[]) => run('service', name, ...split, ...args)
  const states = async () =>
    (JSON.parse((await service('status', '--json')).out) as { name: string; state: string }[]).map(
      ({ name, state }) => `${name} ${state}`,
    )
  return {
    data,
    port,
    run,
    service,
    states,
    async [Symbol.asyncDispose]() {
      await service('uninstall')
      home[Symbol.dispose]()
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

test(
  'a split service starts a mother and her child, a chat passes both, and both stop and leave nothing',
  LIMIT,
  async () => {
    await using upstream = await scriptedUpstream([json(200, ANSWER)])
    await using own = await host(upstream.baseUrl)
    const started = await own.service('start')
    expect(started).toMatchObject({ exit: 0 })
    expect(started.out).toContain('hero_aibroker sends requests to hero_aibroker_root first')
    expect(await own.states()).toEqual(['hero_aibroker_root running', 'hero_aibroker running'])
    const mothers = JSON.parse((await own.run('mothers', '--json')).out) as unknown
    expect(mothers).toMatchObject([
      { address: '127.0.0.1', port: own.port, label: 'split-mode-mother', priority: 1 },
    ])
    await expect
      .poll(async () => (await own.run('-m', 'gpt-4o-mini', 'chat', 'hello')).out, { timeout: 60_000 })
      .toContain(SAID)
    const rows = async (...socket: readonly string[]) =>
      (await own.run(...socket, 'ledger', 'export', '--format', 'json')).out
    expect(await rows()).toContain('"ai_broker_mother/gpt-4o-mini"')
    const motherSocket = join(own.data, 'sockets', 'hero_aibroker_root', 'hero_aibroker', 'rpc.sock')
    expect(await rows('--socket', motherSocket)).toContain('"openai/gpt-4o-mini"')
    expect((await own.service('stop')).out).toContain('hero_aibroker_root is stopped')
    expect(await own.states()).toEqual(['hero_aibroker_root stopped', 'hero_aibroker stopped'])
    await own.service('start')
    expect(JSON.parse((await own.run('mothers', '--json')).out)).toHaveLength(1)
    expect((await own.service('uninstall')).exit).toBe(0)
    for (const name of ['hero_aibroker', 'hero_aibroker_root'])
      expect(existsSync(join(own.data, name, 'service'))).toBe(false)
  },
)

test(
  'reset says what it removes, asks, and removes mothers, priorities and tokens and nothing else',
  LIMIT,
  async () => {
    await using upstream = await scriptedUpstream([json(200, ANSWER)])
    await using own = await host(upstream.baseUrl)
    const single = ['--manager', 'builtin'] as const
    await own.run('service', 'start', ...single)
    await own.run('mothers', 'add', '127.0.0.1', `${own.port}`, '--label', 'old')
    await own.run('priority', 'set', 'openai', '7')
    await own.run('tokens', 'create', 'ada')
    await own.run('limits', 'set', 'address:10.0.0.7', '--requests-per-minute', '5')
    const limits = (await own.run('limits', '--json')).out
    expect(limits).toContain('10.0.0.7')
    const files = readdirSync(join(own.data, 'hero_aibroker')).toSorted()

    const refused = await own.run('service', 'restart', ...single, '--reset')
    expect(refused).toMatchObject({ exit: 2, err: expect.stringContaining('--yes') as string })
    expect(refused.out).toMatch(
      /1 mother \(ai_broker_mother\) and 1 priority override \(openai\) in .*requests\.db/,
    )
    await own.run('service', 'start', ...single)
    expect(JSON.parse((await own.run('mothers', '--json')).out)).toHaveLength(1)

    expect(await own.run('service', 'restart', ...single, '--reset', '--yes')).toMatchObject({ exit: 0 })
    expect(JSON.parse((await own.run('mothers', '--json')).out)).toEqual([])
    expect(JSON.parse((await own.run('tokens', '--json')).out)).toEqual([])
    expect((await own.run('priority', '--json')).out).not.toContain('"priority": 7')
    expect((await own.run('limits', '--json')).out).toBe(limits)
    expect(readdirSync(join(own.data, 'hero_aibroker')).toSorted()).toEqual(files)
  },
)
