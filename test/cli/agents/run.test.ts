import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AGENTS } from '../../../src/cli/agents/agents.ts'
import { openBridge } from '../../../src/cli/agents/loopback-bridge.ts'
import { openaiAt } from '../../support/providers-env.ts'
import { MAIN, runProcess, type CliRun } from '../../support/run-cli.ts'
import { json, scriptedUpstream, type ScriptedUpstream } from '../../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../../support/start-broker.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const model = 'gpt-4o-mini'
const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 }
const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }]

/** A program in place of any agent: it writes down how it was started, sends one chat, and exits as it is told. */
const PROBE = `#!${process.execPath}
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
const { env, argv } = process
const base = env.OPENAI_API_BASE ?? env.OPENAI_BASE_URL ?? (env.GOOGLE_GEMINI_BASE_URL ? env.GOOGLE_GEMINI_BASE_URL + '/v1' : undefined)
  ?? JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? '{}').provider?.aibroker.options.baseURL
  ?? argv.find((one) => one.includes('base_url='))?.split('=')[1].slice(1, -1)
  ?? (argv.includes('--baseurl') ? argv.at(-1) : undefined)
const token = env.OPENAI_API_KEY ?? env.GEMINI_API_KEY ?? env.ANTHROPIC_AUTH_TOKEN ?? env.AIBROKER_RUN_TOKEN
  ?? JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? '{}').provider?.aibroker.options.apiKey
  ?? (argv.includes('--apikey') ? argv[argv.indexOf('--apikey') + 1] : undefined)
const isSetup = argv[2] === 'auth'
if (!isSetup) writeFileSync(env.PROBE_FILE, JSON.stringify({ argv: argv.slice(2), env }))
if (base !== undefined || env.ANTHROPIC_UNIX_SOCKET !== undefined) {
  const url = new URL((base ?? 'http://localhost/v1') + '/chat/completions')
  const options = env.ANTHROPIC_UNIX_SOCKET ? { socketPath: env.ANTHROPIC_UNIX_SOCKET, path: url.pathname } : { host: url.hostname, port: url.port, path: url.pathname }
  const status = await new Promise((resolve, reject) => {
    const sent = request({ ...options, method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer ' + token } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
    sent.on('error', reject).end(JSON.stringify({ model: '${model}', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] }))
  })
  console.log('status ' + status)
}
process.exitCode = Number(env.PROBE_EXIT ?? 0)
`

const folder = tempFolder()
let upstream: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  upstream = await scriptedUpstream([
    json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage }),
  ])
  broker = await startBroker({ env: openaiAt(upstream) })
  await mkdir(join(folder.path, 'bin'))
  for (const { program } of AGENTS) {
    await writeFile(join(folder.path, 'bin', program), PROBE)
    await chmod(join(folder.path, 'bin', program), 0o755)
  }
  await writeFile(join(folder.path, 'bin', 'package.json'), '{"type":"module"}')
}, 30_000)
afterAll(async () => {
  for (const open of [broker, upstream]) await open[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CliRun> {
  return runProcess(
    process.execPath,
    [MAIN, '--socket', broker.sockets.folder, '-m', model, 'run', ...args],
    {
      environment: {
        PATH: `${join(folder.path, 'bin')}:${process.env['PATH'] ?? ''}`,
        PROBE_FILE: join(folder.path, 'probe.json'),
        ADMIN_TOKEN: 'not-for-agents',
        ...environment,
      },
    },
  )
}

interface Probe {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

async function probe(): Promise<Probe> {
  return JSON.parse(await readFile(join(folder.path, 'probe.json'), 'utf8')) as Probe
}

test.each(AGENTS.map(({ name }) => name))(
  '%s reaches the broker with a token of its own, and its cost is printed',
  async (name) => {
    const { exit, out, err } = await run([name, '--usd', '5', '--', 'do', '--it'])
    expect([exit, out, err]).toEqual([
      0,
      'status 200\n',
      expect.stringContaining(`${name}: 1 request, 1,100 tokens, $0.00021 of $5.00`),
    ])
    const { argv, env } = await probe()
    expect(argv.slice(-2)).toEqual(['do', '--it'])
    expect(JSON.stringify([argv, env])).toContain(model)
    expect(env).not.toHaveProperty('ADMIN_TOKEN')
    expect(broker.rows().at(-1)?.['token']).toMatch(/^tok-/)
    expect(await broker.rpc('tokens.list')).toEqual([])
  },
)

test('an agent gets no more than its budget', async () => {
  const { out, err } = await run(['aider', '--usd', '0.000001'])
  expect(out).toBe('status 402\n')
  expect(err).toContain('no request came to the broker, so that it cost nothing of $0.000001')
})

test('the exit code is that of the agent', async () => {
  expect(await run(['aider'], { PROBE_EXIT: '7' })).toMatchObject({ exit: 7 })
})

test('an agent that is not installed is named, with how to install it', async () => {
  const empty = join(folder.path, 'empty')
  await mkdir(empty)
  await symlink(process.execPath, join(empty, 'node'))
  const { exit, err } = await run(['opencode'], { PATH: empty })
  expect([exit, err]).toEqual([5, expect.stringContaining('npm install -g opencode-ai')])
  expect(await broker.rpc('tokens.list')).toEqual([])
})

test('the port on loopback refuses requests without the token of the run', async () => {
  await using bridge = await openBridge(broker.sockets.rest, 'secret')
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { 'x-api-key': 'secre' }])
    expect((await fetch(`${bridge.url}/v1/models`, { headers })).status).toBe(401)
  for (const headers of [{ authorization: 'Bearer secret' }, { 'x-goog-api-key': 'secret' }])
    expect((await fetch(`${bridge.url}/health`, { headers })).status).toBe(200)
  expect((await fetch(`${bridge.url}/health?key=secret`)).status).toBe(200)
})
