// JSON that would crash a process with an unguarded parser, or keep it busy forever.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { head, raw, scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const DEEP = `${'[1,'.repeat(20_000)}1`
/** An unguarded parser survives the first few. */
const TIMES = 10
const UNCLOSED = `{"a":"${'x'.repeat(100_000)}`
const CHAT = '/v1/chat/completions'
const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }

let upstream: ScriptedUpstream
let broker: Broker

/** Responds with deeply nested JSON, as a stream where one was requested. */
beforeAll(async () => {
  upstream = await scriptedUpstream(({ body }) =>
    (body as { stream?: boolean } | undefined)?.stream === true
      ? [head(200, { 'content-type': 'text/event-stream' }), raw(`data: {"choices":${DEEP}\n\n`)]
      : [head(200, { 'content-type': 'application/json' }), raw(`{"choices":${DEEP}`)],
  )
  broker = await startBroker({ env: openaiAt(upstream) })
})

afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

describe.each([
  ['chat', CHAT, 400, 'invalid_request'],
  ['embeddings', '/v1/embeddings', 400, 'invalid_request'],
  ['a tool', '/mcp/tools/any__thing', 400, 400],
])('a body for %s', (_name, path, status, code) => {
  test.each([
    ['nested without end', DEEP],
    ['nested without end in a field', `{"messages":${DEEP}`],
    ['nested without end after fields that it ignores', `{"model":"m","a":[{}],"b":${DEEP}`],
    ['with a string that is never closed', UNCLOSED],
  ])('%s is refused, also repeatedly', async (_how, body) => {
    for (let time = 0; time < TIMES; time++)
      expect(await broker.post(path, body)).toMatchObject({ status, json: { error: { code } } })
  })
})

test('a call nested without end is a parse error', async () => {
  const where = { socketPath: broker.sockets.rpc }
  for (const params of [DEEP, UNCLOSED])
    for (let time = 0; time < TIMES; time++) {
      const { json } = await broker.post(
        '/rpc',
        `{"jsonrpc":"2.0","id":1,"method":"info","params":${params}`,
        where,
      )
      expect(json).toMatchObject({ error: { code: -32_700 } })
    }
})

test.each([true, false])(
  'a provider that responds with endlessly nested JSON has failed (streamed: %s)',
  async (stream) => {
    for (let time = 0; time < TIMES; time++)
      expect((await broker.post(CHAT, { ...chat, stream })).text).toContain('error')
  },
)

test('the broker survives all of these requests without a restart', async () => {
  expect(await broker.get('/health')).toMatchObject({ status: 200 })
  expect(upstream.requests.length).toBeGreaterThan(0)
})
