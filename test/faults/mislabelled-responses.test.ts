// Responses whose form or label is not what was requested: the bytes decide.
import { describe, expect, test } from 'vitest'
import {
  chatChunk,
  cut,
  finishChunk,
  head,
  raw,
  usageChunk,
  wire,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'
import { expectWhole, plainResponse } from './scripts.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const events = [chatChunk('Hel'), chatChunk('lo'), finishChunk(), usageChunk(USAGE)].map(
  (chunk) => `data: ${JSON.stringify(chunk)}`,
)
const typed = (type: string, body: string): Step[] => [head(200, { 'content-type': type }), raw(body)]

describe.each(['text/event-stream', 'application/json', 'TEXT/Event-Stream; charset=utf-8', 'text/plain'])(
  'a stream under the content type %s',
  (type) => {
    test.each([true, false])('is the response to a request with stream: %s', async (stream) => {
      const body = `${events.join('\n\n')}\n\ndata: [DONE]\n\n`
      await using broker = await startBrokerWithProviders([{ script: typed(type, body) }])
      expectWhole(await broker.sendChat({ stream }), 'Hello')
      expect(await broker.entry()).toMatchObject({ status: 'finished', countSource: 'reported' })
    })
  },
)

test.each(['\n', ''])(
  'a stream whose last event ends with %j instead of a blank line is complete',
  async (end) => {
    await using broker = await startBrokerWithProviders([
      { script: typed('text/event-stream', events.join('\n\n') + end) },
    ])
    expectWhole(await broker.sendChat({ stream: true }), 'Hello')
    expect(await broker.entry()).toMatchObject({ usage: { prompt: 10 }, countSource: 'reported' })
  },
)

test('JSON under the content type of a stream is the response to a stream request', async () => {
  const body = JSON.stringify(plainResponse('Hello'))
  await using broker = await startBrokerWithProviders([{ script: typed('text/event-stream', body) }])
  const response = await broker.sendChat({ stream: true })
  expect(response.status).toBe(200)
  expectWhole(response, 'Hello')
})

test('a body that ends early with complete JSON is the response', async () => {
  const body = JSON.stringify(plainResponse('Hello'))
  const bytes = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length + 9}\r\n\r\n${body}`
  await using broker = await startBrokerWithProviders([{ script: [wire(bytes), cut] }], { over: 'tcp' })
  const response = await broker.sendChat({ stream: false })
  expect(response.status).toBe(200)
  expectWhole(response, 'Hello')
})

describe.each(['abort', 'network_error', 'MALFORMED_FUNCTION_CALL', 'insufficient_system_resource'])(
  'a response with the finish reason %s, with which its provider broke off',
  (reason) => {
    test('is a failure after which the next provider responds', async () => {
      const plain = { ...plainResponse('Hel'), choices: [{ ...choiceOf('Hel'), finish_reason: reason }] }
      await using broker = await startBrokerWithProviders([
        { script: typed('application/json', JSON.stringify(plain)) },
        { script: typed('application/json', JSON.stringify(plainResponse('Hello'))) },
      ])
      const response = await broker.sendChat({ stream: false })
      expect(response.status).toBe(200)
      expectWhole(response, 'Hello')
    })

    test('is an error in a stream that has begun', async () => {
      const chunks = [
        chatChunk('Hel'),
        { ...finishChunk(), choices: [{ index: 0, delta: {}, finish_reason: reason }] },
      ]
      const body = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')
      await using broker = await startBrokerWithProviders([
        { script: typed('text/event-stream', `${body}data: [DONE]\n\n`) },
      ])
      const response = await broker.sendChat({ stream: true })
      expect(response.text).toBe('Hel')
      expect(response.error?.message).toContain(reason)
    })
  },
)

test('a reason that is the text “null” beside the role does not end a stream', async () => {
  const pieces = ['Hel', 'lo'].map((text) => ({
    ...chatChunk(text),
    choices: [{ index: 0, delta: { content: text }, finish_reason: 'null' }],
  }))
  const body = [...pieces, finishChunk()].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')
  await using broker = await startBrokerWithProviders([{ script: typed('text/event-stream', body) }])
  const response = await broker.sendChat({ stream: true })
  expect([response.text, response.finish, response.error]).toEqual(['Hello', 'stop', undefined])
})

function choiceOf(content: string) {
  return { index: 0, message: { role: 'assistant', content } }
}
