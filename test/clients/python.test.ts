import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { portTo } from '../support/port-to-socket.ts'
import { pythonWithClients } from '../support/python-clients.ts'
import { runProcess } from '../support/run-cli.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { BREAKING_MODELS, busy, BUSY_MODEL, MODEL, modelsFile, scenes } from './scenes.ts'

const python = pythonWithClients()
const SCRIPT = join(import.meta.dirname, 'python_clients.py')
const [breaking = '', other = ''] = BREAKING_MODELS

/** Type, code and param of what `openai` throws. */
const ERRORS = {
  '/v1': {
    missing: ['NotFoundError', 'model_not_found', 'model'],
    busy: ['RateLimitError', 'rate_limit_exceeded', null],
    long: ['BadRequestError', 'context_length_exceeded', 'messages'],
  },
  '/api/v1': {
    missing: ['NotFoundError', '404', null],
    busy: ['RateLimitError', '429', null],
    long: ['BadRequestError', '400', null],
  },
} as const

test.skipIf(python === undefined).each(['/v1', '/api/v1'] as const)(
  'openai and langchain-openai of Python read streams, usage, calls, breaks and errors on %s (run .ci/install-python-clients.sh)',
  async (prefix) => {
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
    const argv = [SCRIPT, port.url + prefix, MODEL, BUSY_MODEL, breaking, other]
    const { exit, out, err } = await runProcess(python ?? '', argv)
    expect([exit, err]).toEqual([0, ''])
    const said = JSON.parse(out) as { openai: object; langchain: object }
    const common = { text: 'Hello', finish: ['stop', 'tool_calls'], tokens: [10, 4], model: MODEL }
    expect(said.openai).toMatchObject({
      ...common,
      ...ERRORS[prefix],
      call: ['call_1', 'function', 'weather', '{"city":"Ghent"}'],
      broken: ['APIError', expect.anything() as unknown, null],
    })
    expect(said.langchain).toMatchObject({
      ...common,
      call: ['call_1', 'weather', { city: 'Ghent' }],
      broken: true,
      long: expect.arrayContaining([ERRORS[prefix].long[1]]) as unknown,
    })
  },
  60_000,
)
