import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { BrokerError } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { parseBaseUrl } from '../../../src/providers/transport/base-url.ts'
import { createProvider } from '../../../src/providers/protocols/create-provider.ts'
import type {
  ResponseHandler,
  ProviderCall,
  Provider,
  ProviderDefinition,
  ProviderRequest,
} from '../../../src/providers/provider.ts'
import { parseJsonBody } from '../../../src/wire/json/json-body.ts'
import { upstreamAt } from '../../support/http-clients.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  head,
  inTurn,
  json,
  raw,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  type ScriptedUpstream,
  type Step,
} from '../../support/scripted-upstream.ts'

const open: (() => PromiseLike<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function upstreamOf(...script: Step[]): Promise<ScriptedUpstream> {
  const upstream = await scriptedUpstream(script)
  open.push(() => upstream[Symbol.asyncDispose]())
  return upstream
}

function providerAt(
  upstream: ScriptedUpstream,
  extra: Partial<ProviderDefinition> = {},
  keys = ['sk-canary'],
): Provider {
  const provider = createProvider({
    definition: {
      id: 'scripted',
      displayName: 'Scripted',
      needsKey: true,
      baseUrl: upstream.baseUrl,
      abortStopsBilling: true,
      ...extra,
    },
    keys: keys.map((key) => ({ key: new Secret(key) })),
    upstream: upstreamAt(parseBaseUrl(upstream.baseUrl)),
    clock: systemClock,
  })
  open.push(() => provider.close())
  return provider
}

function requestOf(body: object, streamed = false): ProviderRequest {
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return {
    route: 'chat',
    body: parseJsonBody(bytes),
    modelId: 'their-name',
    stream: streamed,
    referer: undefined,
    title: undefined,
  }
}

interface Received {
  chunks: string[]
  response: string | undefined
  error: BrokerError | undefined
}

/** Sends a request and collects its response to the end; `onChunk` may abort it. */
function receive(
  provider: Provider,
  request: ProviderRequest,
  onChunk?: (call: ProviderCall, resolve: () => void) => void,
): Promise<Received> {
  const received: Received = { chunks: [], response: undefined, error: undefined }
  return new Promise((resolve) => {
    const handler: ResponseHandler = {
      onChunk(json) {
        received.chunks.push(json)
        onChunk?.(call, () => resolve(received))
      },
      onResponse(json) {
        received.response = json
      },
      onEnd: () => resolve(received),
      onError(error) {
        received.error = error
        resolve(received)
      },
    }
    const call = provider.send(request, handler)
  })
}

const hello = { model: 'ours', messages: [{ role: 'user', content: 'hi' }] }

describe('the request to a provider', () => {
  test('is the caller’s body with the provider’s model name and key, without router fields', async () => {
    const upstream = await upstreamOf(json(200, { choices: [{ message: { content: 'hi' } }] }))
    await receive(
      providerAt(upstream),
      requestOf({ ...hello, unknown_field: { a: [1] }, provider: { only: ['x'] }, models: [] }),
    )
    const request = await upstream.received(0)
    expect(request.path).toBe('/v1/chat/completions')
    expect(request.body).toEqual({ ...hello, model: 'their-name', unknown_field: { a: [1] } })
    expect(request.headers).toMatchObject({
      authorization: 'Bearer sk-canary',
      'content-type': 'application/json',
    })
  })

  test('for a stream asks for its usage and keeps the caller’s other stream options', async () => {
    const upstream = await upstreamOf(sse(finishChunk(), done))
    await receive(providerAt(upstream), requestOf({ ...hello, stream: true, stream_options: { a: 1 } }, true))
    expect((await upstream.received(0)).body).toMatchObject({ stream_options: { a: 1, include_usage: true } })
  })

  test('uses the provider’s only name for the maximum tokens', async () => {
    const upstream = await upstreamOf(json(200, { choices: [{ message: { content: 'hi' } }] }))
    const provider = providerAt(upstream, { quirks: { maxTokensField: 'max_tokens' } })
    await receive(provider, requestOf({ ...hello, max_completion_tokens: 5 }))
    const { body } = await upstream.received(0)
    expect(body).toEqual({ ...hello, model: 'their-name', max_tokens: 5 })
  })

  test('is sent with the least busy of several keys', async () => {
    const upstream = await upstreamOf(json(200, { choices: [{ message: { content: 'hi' } }] }))
    const provider = providerAt(upstream, {}, ['one', 'two'])
    await Promise.all([1, 2, 3, 4].map(() => receive(provider, requestOf(hello))))
    const used = upstream.requests
      .map(({ headers }) => headers.authorization ?? '')
      .sort((a, b) => a.localeCompare(b))
    expect(used).toEqual(['Bearer one', 'Bearer one', 'Bearer two', 'Bearer two'])
  })
})

describe('a provider’s stream', () => {
  const whole = [
    chatChunk('He'),
    chatChunk('llo'),
    finishChunk(),
    usageChunk({ prompt_tokens: 1, completion_tokens: 2 }),
  ]

  test('is passed on chunk by chunk, unchanged', async () => {
    const received = await receive(providerAt(await upstreamOf(sse(...whole, done))), requestOf(hello, true))
    expect(received).toEqual({
      chunks: whole.map((chunk) => JSON.stringify(chunk)),
      response: undefined,
      error: undefined,
    })
  })

  test('that is cut at any byte is the whole response or an error, never a short success', async () => {
    const bytes = Buffer.from(
      [...whole.map((chunk) => JSON.stringify(chunk)), done].map((data) => `data: ${data}\n\n`).join(''),
    )
    const places = Array.from({ length: bytes.length + 1 }, (_, index) => index)
    const upstream = await scriptedUpstream(inTurn(...places.map((to) => [raw(bytes.subarray(0, to)), cut])))
    open.push(() => upstream[Symbol.asyncDispose]())
    // As a mock provider, whose circuit stays closed over so many failures.
    const provider = providerAt(upstream, { isMock: true })
    for (const place of places) {
      const { chunks, error } = await receive(provider, requestOf(hello, true))
      const texts = chunks.map(
        (chunk) => (JSON.parse(chunk) as ReturnType<typeof chatChunk>).choices[0]?.delta.content ?? '',
      )
      if (error === undefined) expect([place, texts.join('')]).toEqual([place, 'Hello'])
      else expect(error.code).toBe('upstream-failed')
    }
  })

  test('that ends with [DONE] but without its finishing chunk has failed', async () => {
    const received = await receive(
      providerAt(await upstreamOf(sse(chatChunk('He'), done))),
      requestOf(hello, true),
    )
    expect(received.error).toMatchObject({
      code: 'upstream-failed',
      message: /before the response was complete/,
    })
  })

  test('with an error after its 200 has failed with the provider’s message', async () => {
    const failing = sse(chatChunk('He'), { error: { code: 429, message: 'slow down' }, choices: [] })
    const { error } = await receive(providerAt(await upstreamOf(failing)), requestOf(hello, true))
    expect(error).toMatchObject({
      code: 'upstream-busy',
      message: 'slow down',
      details: { provider: 'Scripted' },
    })
  })

  test('is closed at once when the caller aborts it', async () => {
    const upstream = await upstreamOf(sse(chatChunk('He')), stall)
    await receive(providerAt(upstream), requestOf(hello, true), (call, resolve) => {
      call.abort()
      resolve()
    })
    expect(await (await upstream.received(0)).closed).toBe('hung-up')
  })
})

test.each([true, false])('a response that comes byte by byte is whole, streamed (%s)', async (streamed) => {
  const turn: Step = () => new Promise((resolve) => setImmediate(resolve))
  const text = 'Hello, é€𝄞'
  const events = `data: ${JSON.stringify(chatChunk(text))}\n\ndata: ${JSON.stringify(finishChunk())}\n\n`
  const answer = JSON.stringify({ choices: [{ message: { content: text }, finish_reason: 'stop' }] })
  const pieces = [...Buffer.from(streamed ? events : answer)].map((byte) => raw(Buffer.from([byte])))
  const type = streamed ? 'text/event-stream' : 'application/json'
  const upstream = await upstreamOf(
    head(200, { 'content-type': type }),
    ...pieces.flatMap((piece) => [piece, turn]),
  )
  const received = await receive(providerAt(upstream), requestOf(hello, streamed))
  expect(received).toEqual({
    chunks: streamed ? [JSON.stringify(chatChunk(text)), JSON.stringify(finishChunk())] : [],
    response: streamed ? undefined : answer,
    error: undefined,
  })
})

describe('a provider’s failure', () => {
  test.each([
    [400, 'upstream-refused'],
    [401, 'upstream-denied'],
    [402, 'upstream-denied'],
    [404, 'upstream-failed'],
    [429, 'upstream-busy'],
    [500, 'upstream-failed'],
    [529, 'upstream-busy'],
  ])('with status %i is %s, with the provider’s own message', async (status, code) => {
    const upstream = await upstreamOf(json(status, { error: { message: 'because' } }, { 'retry-after': '7' }))
    const { error } = await receive(providerAt(upstream), requestOf(hello))
    expect(error).toMatchObject({
      code,
      message: 'because',
      details: { status, retryAfter: 7, provider: 'Scripted' },
    })
  })

  test('that repeats our key does not show it', async () => {
    const upstream = await upstreamOf(json(401, { error: { message: 'bad key sk-canary' } }))
    const { error } = await receive(providerAt(upstream), requestOf(hello))
    expect(JSON.stringify([error?.message, error?.details])).not.toContain('canary')
  })

  test.each([
    ['HTML', raw('<html>busy</html>')],
    ['an error object', json(200, { error: { message: 'no' } })],
    ['no choices', json(200, { choices: [] })],
  ])('inside a 200 (%s) is a failure', async (_name, step) => {
    const { error, response } = await receive(providerAt(await upstreamOf(step)), requestOf(hello))
    expect(response).toBeUndefined()
    expect(error?.code).toBe('upstream-failed')
  })

  test('to connect is a failure', async () => {
    const upstream = await scriptedUpstream([])
    const provider = providerAt(upstream)
    await upstream[Symbol.asyncDispose]()
    expect((await receive(provider, requestOf(hello))).error?.code).toBe('upstream-failed')
  })
})
