// OpenAI's names on the broker's own client, against a complete broker, over every transport.
import { describe, expect, expectTypeOf, test } from 'vitest'

import { socketsAt } from '../../src/sdk-node/socket-paths.ts'
import { unixTransport } from '../../src/sdk-node/unix-transport.ts'
import { connect, httpTransport } from '../../src/sdk/index.ts'
import type { ChatAnswer, ChatChunk, OpenAiClient, Transport } from '../../src/sdk/index.ts'
import { startInProcessDaemon } from '../support/in-process-daemon.ts'
import type { InProcessDaemon } from '../support/in-process-daemon.ts'
import { startScriptedBroker } from '../support/scripted-broker.ts'

const transports: [string, (broker: InProcessDaemon) => Transport][] = [
  ['a Unix socket', ({ daemon }) => unixTransport(socketsAt(daemon.sockets.folder))],
  ['HTTP', ({ daemon }) => httpTransport(`http://127.0.0.1:${daemon.tcp?.port}`)],
]
const model = 'loopback'
const chatRequest = { model, messages: [{ role: 'user', content: 'hello' }] } as const

describe.each(transports)('the OpenAI client over %s', (_, transport) => {
  const start = async () => {
    const broker = await startInProcessDaemon({ tcp: true })
    return {
      openai: connect(transport(broker)).openai,
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    }
  }

  test('a chat has the same text in one response and in chunks', async () => {
    await using broker = await start()
    const whole = await broker.openai.chat.completions.create(chatRequest)
    expectTypeOf(whole).toEqualTypeOf<ChatAnswer>()
    const stream = await broker.openai.chat.completions.create({ ...chatRequest, stream: true })
    expectTypeOf(stream).toEqualTypeOf<AsyncGenerator<ChatChunk, void, void>>()
    let streamed = ''
    for await (const { choices } of stream) streamed += choices[0]?.delta.content ?? ''
    expect(streamed).toContain('hello')
    expect(whole.choices[0]?.message.content).toBe(streamed)
  })

  test('a text completion has the same text in one response and in chunks', async () => {
    await using broker = await start()
    const request = { model, prompt: 'once' }
    const whole = await broker.openai.completions.create(request)
    let streamed = ''
    for await (const { choices } of await broker.openai.completions.create({ ...request, stream: true }))
      streamed += choices[0]?.text ?? ''
    expect(streamed).toContain('once')
    expect(whole.choices[0]?.text).toBe(streamed)
  })

  test('models are listed and retrieved, and embeddings have one vector per text', async () => {
    await using broker = await start()
    const { data } = await broker.openai.models.list()
    expect(data.map(({ id }) => id)).toContain(model)
    expect((await broker.openai.models.retrieve(model)).id).toBe(model)
    const made = await broker.openai.embeddings.create({ model: 'loopback-embedding', input: ['a', 'b'] })
    expect(made.data.map(({ index, embedding }) => [index, Array.isArray(embedding)])).toEqual([
      [0, true],
      [1, true],
    ])
  })

  const failures: [string, (openai: OpenAiClient) => Promise<unknown>, string][] = [
    [
      'a chat',
      ({ chat }) => chat.completions.create({ ...chatRequest, model: 'nobody/knows' }),
      'no-such-model',
    ],
    ['a model', ({ models }) => models.retrieve('nobody/knows'), 'not-found'],
    ['an embedding', ({ embeddings }) => embeddings.create({ model, input: [] }), 'bad-request'],
  ]
  test.each(failures)('%s that is refused throws a BrokerError', async (_what, ask, code) => {
    await using broker = await start()
    await expect(ask(broker.openai)).rejects.toMatchObject({ name: 'BrokerError', code })
  })

  test('an aborted stream throws the reason of its signal', async () => {
    await using broker = await start()
    const controller = new AbortController()
    const stream = await broker.openai.chat.completions.create(
      { ...chatRequest, model: 'loopback-slow', stream: true },
      { signal: controller.signal },
    )
    controller.abort()
    const readAll = async () => {
      for await (const _chunk of stream);
    }
    await expect(readAll()).rejects.toThrow('aborted')
  })
})

test('a response of another shape is an error', async () => {
  await using broker = await startScriptedBroker((_request, response) => void response.end('{"data":[]}'))
  const { openai } = connect(unixTransport(broker.sockets))
  await expect(openai.chat.completions.create(chatRequest)).rejects.toThrow('this client does not know')
})
