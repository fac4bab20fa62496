// Signals, with and without worker processes.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openResponse } from '../support/open-request.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  wait,
} from '../support/scripted-upstream.ts'
import { launchBroker, startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const LIMIT = { timeout: 60_000 }
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const CHAT = '/v1/chat/completions'
const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }

const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: USAGE,
}

const stream = ({ sockets }: Broker) =>
  openResponse({ socketPath: sockets.rest, method: 'POST', path: CHAT, body: { ...chat, stream: true } })

/** The daemon and its workers. */
function pidsOf(broker: Broker): number[] {
  const workers = [...broker.stderr().matchAll(/"workerPid":(\d+)/g)].map(([, pid]) => Number(pid))
  return [broker.pid, ...workers]
}

describe.each([[1], [2]])('with %i serving processes', (workers) => {
  const args = ['--workers', `${workers}`]

  test('SIGHUP reads the configuration again and cuts no stream', LIMIT, async () => {
    using folder = tempFolder()
    const gate = Promise.withResolvers<void>()
    await using upstream = await scriptedUpstream([
      sse(chatChunk('before')),
      wait(gate.promise),
      sse(chatChunk(' after'), finishChunk(), usageChunk(USAGE), done),
    ])
    await using groq = await scriptedUpstream([json(200, answer)])
    const mcpFile = join(folder.path, 'mcp.json')
    writeFileSync(mcpFile, '{ "mcpServers": {} }')
    const env = { ...openaiAt(upstream), AIBROKER_GROQ_URL: groq.baseUrl, MCP_CONFIG_PATH: mcpFile }
    await using broker = await startBroker({ folder: folder.path, env, args })
    const streams = await Promise.all(Array.from({ length: 4 }, () => stream(broker)))
    await Promise.all(streams.map((one) => one.until('before')))
    const secrets = join(folder.path, 'v', 'hero_aibroker')
    mkdirSync(secrets, { recursive: true })
    writeFileSync(join(secrets, '.env'), 'GROQ_API_KEY=new-key\n', { mode: 0o600 })
    broker.signal('SIGHUP')
    await expect.poll(() => broker.stderr()).toContain('the configuration was read again')
    expect(broker.stderr()).toContain('mcp: configuration read again')
    expect(JSON.stringify(await broker.rpc('providers.list'))).toContain('"groq"')
    writeFileSync(join(secrets, '.env'), 'GROQ_API_KEY\n', { mode: 0o600 })
    for (let nth = 0; nth < 20; nth++) broker.signal('SIGHUP')
    await expect
      .poll(() => broker.stderr())
      .toMatch(/the configuration (was read again|is invalid)[^]*the configuration/)
    gate.resolve()
    for (const one of streams) expect(await one.rest()).toContain('[DONE]')
    await expect.poll(() => broker.rows().map(({ status }) => status)).toEqual(streams.map(() => 'finished'))
  })

  test.each([
    ['SIGQUIT', ['SIGQUIT']],
    ['SIGQUIT after SIGTERM', ['SIGTERM', 'SIGQUIT']],
    ['two SIGQUIT', ['SIGQUIT', 'SIGQUIT']],
  ] as const)(
    '%s ends streams with an error event, records them and exits at once',
    LIMIT,
    async (_name, signals) => {
      using folder = tempFolder()
      await using upstream = await scriptedUpstream([sse(chatChunk('said so far')), stall])
      // Longer than the test may take.
      const env = { ...openaiAt(upstream), AIBROKER_DRAIN_TIMEOUT_S: '600' }
      await using broker = await startBroker({ folder: folder.path, env, args })
      const streams = await Promise.all(Array.from({ length: 4 }, () => stream(broker)))
      await Promise.all(streams.map((one) => one.until('said so far')))
      for (const signal of signals) {
        broker.signal(signal)
        await expect.poll(() => existsSync(broker.sockets.rest)).toBe(false)
      }
      for (const one of streams) expect(await one.rest()).toContain('data: {"error":{')
      expect((await broker.ended).exit).toBe(0)
      expect(broker.rows().map(({ status }) => status)).toEqual(streams.map(() => 'broken'))
      expect(broker.openHolds()).toBe(0)
      expect(readdirSync(broker.sockets.folder).filter((name) => !name.startsWith('.'))).toEqual([])
    },
  )

  test('SIGUSR1 and SIGUSR2 change nothing, and no inspector is opened', LIMIT, async () => {
    await using upstream = await scriptedUpstream([json(200, answer)])
    await using broker = await startBroker({ env: openaiAt(upstream), args })
    await expect.poll(() => pidsOf(broker)).toHaveLength(workers === 1 ? 1 : 1 + workers)
    const pids = pidsOf(broker)
    for (const pid of pids) for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.kill(pid, signal)
    // Workers leave these to the daemon, since terminals and service managers signal all processes of a group.
    for (const pid of pids.slice(1))
      for (const signal of ['SIGHUP', 'SIGQUIT', 'SIGTERM', 'SIGINT'] as const) process.kill(pid, signal)
    for (let nth = 0; nth < 6; nth++) expect((await broker.post(CHAT, chat)).status).toBe(200)
    expect(pidsOf(broker)).toEqual(pids)
    expect(broker.stderr()).not.toContain('Debugger listening')
  })

  test(
    'SIGTERM during the start ends the daemon when it has started, and leaves no socket',
    LIMIT,
    async () => {
      using folder = tempFolder()
      await using broker = launchBroker({ folder: folder.path, args })
      const lock = join(broker.sockets.folder, '.lock')
      await expect.poll(() => existsSync(lock), { timeout: 30_000, interval: 1 }).toBe(true)
      broker.signal('SIGHUP')
      broker.signal('SIGTERM')
      expect((await broker.ended).exit).toBe(0)
      expect(readdirSync(broker.sockets.folder).filter((name) => !name.startsWith('.'))).toEqual([])
    },
  )
})
