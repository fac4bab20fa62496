import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pythonWithClients } from '../support/python-clients.ts'
import { runClient } from './run-client.ts'
import { MODEL } from './scenes.ts'

const python = pythonWithClients()
const SCRIPT = join(import.meta.dirname, 'python_clients.py')

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
    const said = (await runClient([python ?? '', SCRIPT], prefix)) as Record<
      'openai' | 'langchain' | 'responses',
      object
    >
    const common = { text: 'Hello', finish: ['stop', 'tool_calls'], tokens: [10, 4], model: MODEL }
    expect(said.openai).toMatchObject({
      ...common,
      ...ERRORS[prefix],
      call: ['call_1', 'function', 'weather', '{"city":"Ghent"}'],
      broken: ['APIError', expect.anything() as unknown, null],
    })
    expect(said.responses).toMatchObject({
      text: ['Hello', 'Hello'],
      status: ['completed', 'completed'],
      tokens: [10, 4],
      call: ['call_1', 'weather', '{"city":"Ghent"}'],
      kept: 'Hello',
      long: ['BadRequestError', 'context_length_exceeded', 'input'],
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
