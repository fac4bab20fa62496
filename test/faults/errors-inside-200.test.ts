// Failures that a provider reports inside a response with status 200: its own words reach the caller.
import { describe, expect, test } from 'vitest'
import { chatChunk, head, raw, type Step } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'

const WORDS = 'the engine has run out of memory'
const typed = (type: string, body: string): Step[] => [head(200, { 'content-type': type }), raw(body)]
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`

const EVENTS: readonly (readonly [string, string])[] = [
  ['a text', data({ error: WORDS })],
  ['a list', data([{ error: { code: 503, message: WORDS } }])],
  ['a field “error”', `error: ${JSON.stringify({ code: 500, message: WORDS, type: 'server_error' })}\n\n`],
  ['an event “error” with a text', `event: error\ndata: ${WORDS}\n\n`],
  ['an event “error” with a message', `event: error\n${data({ message: WORDS, code: 'x' })}`],
  ['“detail”', data({ detail: WORDS })],
  ['“msg”', data({ code: 500, msg: WORDS, success: false })],
  ['“base_resp”', data({ choices: [], base_resp: { status_code: 1000, status_msg: WORDS } })],
  ['“errors”', data({ success: false, errors: [{ code: 5006, message: WORDS }] })],
  ['JSON in a message', data({ error: { message: JSON.stringify({ error: { message: WORDS } }) } })],
  ['an event after half of one', `data: {"choices":[{"del\n${data({ error: { message: WORDS } })}`],
]

describe.each(EVENTS)('an error as %s in a stream', (_case, event) => {
  test('is the error of a stream that has begun', async () => {
    await using broker = await startBrokerWithProviders([
      { script: typed('text/event-stream', data(chatChunk('Hel')) + event) },
    ])
    const response = await broker.sendChat({ stream: true })
    expect(response.text).toBe('Hel')
    expect(response.error?.message).toContain(WORDS)
  })
})

test.each([
  ['“msg”', 'application/json', JSON.stringify({ code: 500, msg: WORDS, success: false })],
  [
    '“base_resp”',
    'application/json',
    JSON.stringify({ choices: null, base_resp: { status_code: 1000, status_msg: WORDS } }),
  ],
  ['a list', 'application/json', JSON.stringify([{ error: { code: 500, message: WORDS } }])],
  ['HTML', 'text/html', `<html><head><title>x</title></head><body>${WORDS}</body></html>`],
])(
  'an error as %s in a plain response with status 200 has the provider’s words',
  async (_case, type, body) => {
    await using broker = await startBrokerWithProviders([{ script: typed(type, body) }])
    const response = await broker.sendChat({ stream: false })
    expect(response.status).toBe(502)
    expect(response.error?.message).toContain(WORDS)
  },
)

test('a refusal that MiniMax reports in a 200 is about the account, and the next provider responds', async () => {
  const refusal = { choices: null, base_resp: { status_code: 1008, status_msg: 'insufficient balance' } }
  const whole = {
    id: 'x',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  }
  await using broker = await startBrokerWithProviders([
    { script: typed('application/json', JSON.stringify(refusal)) },
    { script: typed('application/json', JSON.stringify(whole)) },
  ])
  expect(await broker.sendChat({ stream: false })).toMatchObject({ status: 200, text: 'Hello' })
})

test('a stream without blank lines between its events is whole', async () => {
  const pieces = [
    chatChunk('Hel'),
    chatChunk('lo'),
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  ]
  const body = `${pieces.map((piece) => `data: ${JSON.stringify(piece)}\n`).join('')}data: [DONE]\n`
  await using broker = await startBrokerWithProviders([{ script: typed('text/event-stream', body) }])
  const response = await broker.sendChat({ stream: true })
  expect([response.text, response.finish, response.error]).toEqual(['Hello', 'stop', undefined])
})

test('a stream whose lines have the name of their field twice is whole', async () => {
  const pieces = [chatChunk('Hello'), { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }]
  const body = `${pieces.map((piece) => `data: ${data(piece)}`).join('')}data: data: [DONE]\n\n`
  await using broker = await startBrokerWithProviders([{ script: typed('text/event-stream', body) }])
  const response = await broker.sendChat({ stream: true })
  expect([response.text, response.finish, response.error]).toEqual(['Hello', 'stop', undefined])
})
