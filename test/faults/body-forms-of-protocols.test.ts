// Providers of other protocols whose bodies are in another form than was requested.
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { head, json, raw, type Step } from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'

/** An event; Gemini's have no type. */
interface Part {
  readonly type?: string
  readonly [name: string]: unknown
}

const JSON_TYPE = { 'content-type': 'application/json' }
const USAGE = { input_tokens: 10, output_tokens: 5 }
const events = (...all: readonly Part[]): string =>
  all
    .map(
      (data) => `${data.type === undefined ? '' : `event: ${data.type}\n`}data: ${JSON.stringify(data)}\n\n`,
    )
    .join('')
const lines = (...all: readonly object[]): string => all.map((each) => `${JSON.stringify(each)}\n`).join('')

const MESSAGE = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  usage: USAGE,
}
const delta = (text: string) => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text },
})
const MESSAGE_EVENTS = [
  {
    type: 'message_start',
    message: { ...MESSAGE, content: [], stop_reason: null, usage: { ...USAGE, output_tokens: 1 } },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  delta('Hel'),
  delta('lo'),
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } },
  { type: 'message_stop' },
]

const content = (text: string, more: object = {}): Part => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
  usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
})
const CONTENT = content('Hello', { finishReason: 'STOP' })
const CONTENTS = [content('Hel'), content('lo', { finishReason: 'STOP' })]

const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  error: null,
  output: [
    { type: 'message', id: 'm', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] },
  ],
  usage: { ...USAGE, total_tokens: 15 },
}
const RESPONSE_EVENTS = [
  { type: 'response.created', response: { ...RESPONSE, status: 'in_progress', output: [], usage: null } },
  { type: 'response.output_text.delta', output_index: 0, content_index: 0, item_id: 'm', delta: 'Hello' },
  { type: 'response.completed', response: RESPONSE },
]

interface Forms {
  readonly whole: object
  readonly parts: readonly Part[]
}

const PROTOCOLS: Readonly<Record<string, Forms>> = {
  anthropic: { whole: MESSAGE, parts: MESSAGE_EVENTS },
  gemini: { whole: CONTENT, parts: CONTENTS },
  perplexity: { whole: RESPONSE, parts: RESPONSE_EVENTS },
}

describe.each(Object.entries(PROTOCOLS))('%s', (name, { whole, parts }) => {
  const forms: Readonly<Record<string, Step[]>> = {
    'its response': [json(200, whole)],
    'its response in a list': [json(200, [whole])],
    'its response behind blank lines': [head(200, JSON_TYPE), raw('\n\n'), raw(JSON.stringify(whole))],
    'its response, compressed and not declared': [head(200, JSON_TYPE), raw(gzipSync(JSON.stringify(whole)))],
    'its events': [raw(events(...parts))],
    'its events, labelled as JSON': [head(200, JSON_TYPE), raw(events(...parts))],
    'its events on lines': [head(200, JSON_TYPE), raw(lines(...parts))],
    'its events in a list': [json(200, parts)],
  }
  test.each(Object.keys(forms).flatMap((form) => [true, false].map((stream) => [form, stream] as const)))(
    '%s is read for a request with stream: %s',
    async (form, stream) => {
      await using broker = await startBrokerWithProviders([{ name, script: forms[form] ?? [], price: '' }])
      expect(await broker.sendChat({ stream })).toMatchObject({
        status: 200,
        text: 'Hello',
        finish: 'stop',
        isDone: true,
      })
      expect(await broker.entry()).toMatchObject({ status: 'finished', usage: { prompt: 10, completion: 5 } })
    },
  )
})
