import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { portTo } from '../support/port-to-socket.ts'
import { runProcess } from '../support/run-cli.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { BREAKING_MODELS, busy, BUSY_MODEL, MODEL, modelsFile, scenes } from './scenes.ts'

const here = import.meta.dirname
/** Programs are built from what is on this machine already: no test downloads anything. */
const OFFLINE = { GOPROXY: 'off', GOFLAGS: '-mod=readonly', CARGO_NET_OFFLINE: 'true' }

/** The path of a built program; `undefined` where its toolchain or its modules are not. */
function built(command: string, argv: readonly string[], cwd: string, program: string): string | undefined {
  try {
    execFileSync(command, argv, {
      cwd: join(here, cwd),
      env: { ...process.env, ...OFFLINE },
      stdio: 'ignore',
      timeout: 240_000,
    })
    return program
  } catch {
    return undefined
  }
}

const out = mkdtempSync(join(tmpdir(), 'hb-clients-'))
const isWanted = process.env['COMPILED_CLIENTS'] === 'on'
const goProgram = isWanted
  ? built('go', ['build', '-o', join(out, 'go'), '.'], 'go', join(out, 'go'))
  : undefined
const rustTarget = process.env['CARGO_TARGET_DIR'] ?? join(tmpdir(), 'hb-clients-cargo')
const rustProgram = isWanted
  ? built(
      'cargo',
      ['build', '-q', '--target-dir', rustTarget],
      'rust',
      join(rustTarget, 'debug', 'broker-clients'),
    )
  : undefined

async function run(program: string | undefined, prefix: string): Promise<Record<string, unknown>> {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(scenes)
  await using full = await scriptedUpstream(busy)
  const file = join(folder.path, 'models.yml')
  writeFileSync(file, modelsFile(upstream.baseUrl, full.baseUrl))
  await using broker = await startBroker({
    folder: folder.path,
    env: { KEY: 'test-key', MODELS_CONFIG_PATH: file },
  })
  using port = await portTo(broker.sockets.rest)
  const argv = [port.url + prefix, MODEL, BUSY_MODEL, BREAKING_MODELS[0] ?? '']
  const { exit, out: said, err } = await runProcess(program ?? '', argv)
  expect([exit, err]).toEqual([0, ''])
  return JSON.parse(said) as Record<string, unknown>
}

const hello = { text: 'Hello', finish: 'stop', tokens: [10, 4] }
const tools = { finish: 'tool_calls', call: 'call_1weather{"city":"Ghent"}' }

test.skipIf(goProgram === undefined)(
  'go-openai reads streams, usage, calls, breaks and errors on /v1 (COMPILED_CLIENTS=on, go mod download)',
  async () => {
    expect(await run(goProgram, '/v1')).toMatchObject({
      hello,
      tools,
      broken: { text: 'Hel', error: ['APIError', 'server_error', expect.any(String)] },
      missing: { error: ['APIError', 'model_not_found', expect.any(String)] },
      busy: { error: ['APIError', 'rate_limit_exceeded', expect.any(String)] },
    })
  },
  60_000,
)

test.skipIf(rustProgram === undefined)(
  'async-openai reads streams, usage, calls, breaks and errors on /v1 (COMPILED_CLIENTS=on, cargo fetch)',
  async () => {
    expect(await run(rustProgram, '/v1')).toMatchObject({
      hello,
      tools,
      plain: { text: 'Hello' },
      // It reads no error inside a stream, and reports what it could not read.
      broken: { text: 'Hel', error: [expect.stringContaining('server_error')] },
      missing: { error: ['ApiError', 'model_not_found', 'model', expect.any(String)] },
    })
  },
  60_000,
)
