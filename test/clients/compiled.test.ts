import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runClient } from './run-client.ts'

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

const hello = { text: 'Hello', finish: 'stop', tokens: [10, 4] }
const tools = { finish: 'tool_calls', call: 'call_1weather{"city":"Ghent"}' }

test.skipIf(goProgram === undefined)(
  'go-openai reads streams, usage, calls, breaks and errors on /v1 (COMPILED_CLIENTS=on, go mod download)',
  async () => {
    expect(await runClient([goProgram ?? ''], '/v1')).toMatchObject({
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
    expect(await runClient([rustProgram ?? ''], '/v1')).toMatchObject({
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

test.skipIf(goProgram === undefined)(
  'go-openai reads streams, usage, calls, breaks and errors on /api/v1 (COMPILED_CLIENTS=on, go mod download)',
  async () => {
    expect(await runClient([goProgram ?? ''], '/api/v1')).toMatchObject({
      hello,
      tools,
      // It knows no error inside a chunk, which is how OpenRouter has it; the reason is not that of a whole response.
      broken: { text: 'Hel', finish: 'error' },
      missing: { error: ['APIError', '404', expect.any(String)] },
      busy: { error: ['APIError', '429', expect.any(String)] },
    })
  },
  60_000,
)

test.skipIf(rustProgram === undefined)(
  'async-openai reads streams, usage, calls and breaks on /api/v1 (COMPILED_CLIENTS=on, cargo fetch)',
  async () => {
    expect(await runClient([rustProgram ?? ''], '/api/v1')).toMatchObject({
      hello,
      tools,
      plain: { text: 'Hello' },
      // Its codes are texts, and OpenRouter's are numbers: it reports what it could not read.
      broken: { text: 'Hel', error: [expect.anything()] },
      missing: { error: [expect.anything()] },
    })
  },
  60_000,
)
