import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  head,
  inTurn,
  json,
  raw,
  reset,
  scriptedUpstream,
  sse,
  stall,
  usageChunk,
  wait,
  wire,
  type ScriptedUpstream,
} from './scripted-upstream.ts'

test('the scripted upstream answers JSON and records requests', async () => {
  await using upstream = await scriptedUpstream([json(429, { error: 'busy' }, { 'retry-after': '3' })])
  const response = await post(upstream, '/v1/chat/completions?x=1', { model: 'gpt' })
  expect(response.statusCode).toBe(429)
  expect(response.headers).toMatchObject({ 'content-type': 'application/json', 'retry-after': '3' })
  expect(await text(response)).toBe('{"error":"busy"}')
  expect(upstream.requests).toMatchObject([
    { method: 'POST', path: '/v1/chat/completions?x=1', headers: { 'x-key': 'k' }, body: { model: 'gpt' } },
  ])
  expect(upstream.requests[0]?.raw.toString()).toBe('{"model":"gpt"}')
  expect(await upstream.requests[0]?.closed).toBe('answered')
})

test('the scripted upstream streams chunks and stalls on request', async () => {
  const { promise: go, resolve } = Promise.withResolvers<void>()
  await using upstream = await scriptedUpstream([
    sse(chatChunk('one')),
    wait(go),
    sse(finishChunk(), usageChunk({ prompt_tokens: 1 }), done),
  ])
  const response = await post(upstream, '/v1/chat/completions')
  expect(response.headers['content-type']).toBe('text/event-stream')
  const [first] = (await once(response, 'data')) as [Buffer]
  expect(first.toString()).toContain('"content":"one"')
  expect(first.toString()).not.toContain('[DONE]')
  resolve()
  const rest = await text(response)
  expect(rest).toContain('"finish_reason":"stop"')
  expect(rest).toContain('"usage":{"prompt_tokens":1}')
  expect(rest.endsWith('data: [DONE]\n\n')).toBe(true)
})

test('the scripted upstream reports a disconnect before the headers and in the middle of a stream', async () => {
  await using upstream = await scriptedUpstream(inTurn([stall], [sse(chatChunk('one')), stall]))
  const early = sendRequest(upstream, '/v1/chat/completions')
  early.on('error', () => {})
  const first = await upstream.received(0)
  early.destroy()
  expect(await first.closed).toBe('hung-up')

  const response = await post(upstream, '/v1/chat/completions')
  response.on('error', () => {})
  await once(response, 'data')
  response.destroy()
  expect(await (await upstream.received(1)).closed).toBe('hung-up')
})

test('the step `cut` delivers what came before and then breaks the response', async () => {
  await using upstream = await scriptedUpstream([sse(chatChunk('one')), raw('data: {"cho'), cut])
  const response = await post(upstream, '/v1/chat/completions')
  const parts: Buffer[] = []
  response.on('data', (part: Buffer) => parts.push(part))
  const [failure] = await once(response, 'error')
  expect(failure).toMatchObject({ code: 'ECONNRESET' })
  expect(Buffer.concat(parts).toString()).toMatch(/"one".*\n\ndata: \{"cho$/)
  expect(await upstream.requests[0]?.closed).toBe('broken')
})

test('the scripted upstream can reset a TCP connection', async () => {
  await using upstream = await scriptedUpstream([reset], { over: 'tcp' })
  expect(upstream.baseUrl).toBe(`http://127.0.0.1:${upstream.port}/v1`)
  await expect(post(upstream, '/v1/models')).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('the scripted upstream can send any head and any bytes', async () => {
  await using upstream = await scriptedUpstream(
    inTurn(
      [head(200, { 'content-type': 'audio/mpeg' }), raw(new Uint8Array([1, 2, 3]))],
      [wire('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort'), cut],
    ),
  )
  const audio = await post(upstream, '/v1/audio/speech')
  expect(audio.headers['content-type']).toBe('audio/mpeg')
  expect(await text(audio)).toBe('\u0001\u0002\u0003')
  await expect(post(upstream, '/v1/models').then(text)).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('a script may read the request, and its own failure is not swallowed', async () => {
  const upstream = await scriptedUpstream((request) => {
    if (request.path === '/v1/models') return [json(200, { data: [] })]
    throw new Error(`nothing written for ${request.path}`)
  })
  expect(await text(await post(upstream, '/v1/models'))).toBe('{"data":[]}')
  await expect(post(upstream, '/v1/rerank')).rejects.toThrow('socket hang up')
  await expect(upstream[Symbol.asyncDispose]()).rejects.toThrow('nothing written for /v1/rerank')
  expect(existsSync(upstream.socketPath ?? '')).toBe(false)
})

function sendRequest(upstream: ScriptedUpstream, path: string, body: unknown = {}) {
  const where =
    upstream.socketPath === undefined
      ? { host: '127.0.0.1', port: upstream.port }
      : { socketPath: upstream.socketPath }
  const request = httpRequest({ ...where, path, method: 'POST', headers: { 'x-key': 'k' }, agent: false })
  request.end(JSON.stringify(body))
  return request
}

async function post(upstream: ScriptedUpstream, path: string, body: unknown = {}): Promise<IncomingMessage> {
  const [response] = (await once(sendRequest(upstream, path, body), 'response')) as [IncomingMessage]
  return response
}

async function text(response: IncomingMessage): Promise<string> {
  let all = ''
  for await (const part of response) all += String(part)
  return all
}
