// Access policies hold on every route through which a model can be requested.
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sendRequest, type HttpResponse } from '../support/open-request.ts'
import { json, type Script } from '../support/scripted-upstream.ts'
import { mcpFile } from '../support/mcp-file.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { program } from '../mcp/support.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, refuses } from './scripts.ts'

const messages = [{ role: 'user', content: 'hi' }]
const vector = {
  object: 'list',
  data: [{ index: 0, embedding: [0.5] }],
  usage: { prompt_tokens: 7, total_tokens: 7 },
}

function socketOf({ daemon }: BrokerWithProviders, context: string): string {
  return join(dirname(daemon.sockets.rest), `rest.${context}.sock`)
}

async function rpc(
  { daemon }: BrokerWithProviders,
  method: string,
  params: object = {},
  headers = {},
): Promise<HttpResponse> {
  const body = { jsonrpc: '2.0', id: 1, method, params }
  return sendRequest({ socketPath: daemon.sockets.rpc, method: 'POST', path: '/rpc', headers, body })
}

function rest(broker: BrokerWithProviders, path: string, body: object, headers = {}): Promise<HttpResponse> {
  return sendRequest({ socketPath: broker.daemon.sockets.rest, method: 'POST', path, headers, body })
}

const lab = { 'x-hero-context': 'lab' }

/** Every way for a caller of context “lab” to send a request to a model. */
const SENDERS: Readonly<
  Record<
    string,
    (broker: BrokerWithProviders, models: { chat: string; embeds: string }) => Promise<HttpResponse>
  >
> = {
  'a chat': (broker, { chat }) => rest(broker, '/v1/chat/completions', { model: chat, messages }, lab),
  'a streamed chat': (broker, { chat }) =>
    rest(broker, '/v1/chat/completions', { model: chat, messages, stream: true }, lab),
  'a chat that names fallback models and providers': (broker, { chat }) =>
    rest(
      broker,
      '/v1/chat/completions',
      { model: chat, models: [chat, 'other'], provider: { order: ['up1'] }, messages },
      lab,
    ),
  'a chat with tools of the broker': (broker, { chat }) =>
    rest(broker, '/v1/chat/completions', { model: chat, messages, tools: [{ type: 'mcp' }] }, lab),
  'a text completion': (broker, { chat }) =>
    rest(broker, '/v1/completions', { model: chat, prompt: 'hi' }, lab),
  'an embedding': (broker, { embeds }) => rest(broker, '/v1/embeddings', { model: embeds, input: 'hi' }, lab),
  'a chat on the socket of the context': (broker, { chat }) =>
    sendRequest({
      socketPath: socketOf(broker, 'lab'),
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'x-hero-context': 'free' },
      body: { model: chat, messages },
    }),
  'ai.chat': (broker, { chat }) => rpc(broker, 'ai.chat', { model: chat, messages }, lab),
  'ai.embed': (broker, { embeds }) => rpc(broker, 'ai.embed', { model: embeds, input: 'hi' }, lab),
}

/** For each of chat and embedding: one provider that fails and one that responds. Only the failing ones are pinned for lab. */
async function startWithPinnedProviders(): Promise<BrokerWithProviders & { close: () => void }> {
  const folder = tempFolder()
  const { env } = mcpFile(folder.path, { raw: program('raw') })
  const embeds: Script = [json(200, vector)]
  const embedding = ['embedding']
  const broker = await startBrokerWithProviders(
    [
      { script: refuses(501) },
      { script: answers('never') },
      { script: refuses(501), model: 'e', capabilities: embedding },
      { script: embeds, model: 'e', capabilities: embedding },
      { script: answers('never'), model: 'other' },
    ],
    { env: { ...env, AIBROKER_CONTEXT_SOCKETS: 'lab' } },
  )
  return Object.assign(broker, { close: () => folder[Symbol.dispose]() })
}

describe.each(Object.entries(SENDERS))('%s in a pinned context', (_name, send) => {
  test('tries only the pinned providers, even when they fail', async () => {
    await using broker = await startWithPinnedProviders()
    using _ = { [Symbol.dispose]: broker.close }
    const rule = { providers: ['up0', 'up2'] }
    await rpc(broker, 'limits.set', { subject: { scope: 'context', context: 'lab' }, rule })
    const { text } = await send(broker, { chat: 'm', embeds: 'e' })
    expect(text).toContain('error')
    const [first = 0, second, embeds = 0, otherEmbeds, other] = broker.seen()
    expect([second, otherEmbeds, other]).toEqual([0, 0, 0])
    expect(first + embeds).toBeGreaterThan(0)
    expect(await broker.entry()).toMatchObject({ caller: { ip: 'local', context: 'lab' }, status: 'failed' })
  })

  test('reaches no model outside the pin', async () => {
    await using broker = await startWithPinnedProviders()
    using _ = { [Symbol.dispose]: broker.close }
    const rule = { models: ['other*'] }
    await rpc(broker, 'limits.set', { subject: { scope: 'context', context: 'lab' }, rule })
    const { text } = await send(broker, { chat: 'm', embeds: 'e' })
    if (text.includes('never')) expect(broker.seen()).toEqual([0, 0, 0, 0, 1])
    else {
      expect(text).toContain('pinned to the models other*')
      expect(broker.seen()).toEqual([0, 0, 0, 0, 0])
    }
  })
})

test('without its pin, the context is served by any provider', async () => {
  await using broker = await startWithPinnedProviders()
  using _ = { [Symbol.dispose]: broker.close }
  expect((await rest(broker, '/v1/chat/completions', { model: 'm', messages }, lab)).text).toContain('never')
  expect(broker.seen().slice(0, 2)).toEqual([1, 1])
})

test('a context’s socket fixes the context, is open to its group alone, and gives no administrator access', async () => {
  await using broker = await startWithPinnedProviders()
  using _ = { [Symbol.dispose]: broker.close }
  const socketPath = socketOf(broker, 'lab')
  expect(statSync(socketPath).mode & 0o777).toBe(statSync(broker.daemon.sockets.rest).mode & 0o777)
  const at = { socketPath, headers: { 'x-hero-context': 'free' } }
  await sendRequest({
    ...at,
    method: 'POST',
    path: '/v1/chat/completions',
    body: { model: 'other', messages },
  })
  expect(await broker.entry()).toMatchObject({ caller: { ip: 'local', context: 'lab' } })
  expect((await sendRequest({ ...at, method: 'GET', path: '/billing/usage' })).status).toBe(401)
})

test('with roll-up, all addresses of a /64 are one payer with one budget, one limit and one line in billing', async () => {
  await using broker = await startBrokerWithProviders([{ script: answers('hello') }], {
    env: { AIBROKER_ROLL_UP_64: 'on' },
  })
  const from = (address: string) =>
    rest(broker, '/v1/chat/completions', { model: 'm', messages }, { 'x-forwarded-for': address })
  const node = '54f:b680:ba6e:7ced::/64'
  await rpc(broker, 'limits.set', {
    subject: { scope: 'address', address: node },
    rule: { requests_per_minute: 2 },
  })
  const statuses = []
  for (const address of [
    '54f:b680:ba6e:7ced::1',
    '54f:b680:ba6e:7ced:aaaa::2',
    '54f:b680:ba6e:7ced::3',
    '54f:b680:ba6e:7cee::1',
  ])
    statuses.push((await from(address)).status)
  expect(statuses).toEqual([200, 200, 429, 200])
  await broker.entry()
  const socketPath = broker.daemon.sockets.rest
  const { json: usage } = await sendRequest({
    socketPath,
    method: 'GET',
    path: `/billing/usage/${encodeURIComponent(node)}`,
  })
  expect(usage).toMatchObject({ ip: node, requests: 2 })
  const headers = { 'x-forwarded-for': '54f:b680:ba6e:7ced:ffff::9' }
  const { json: key } = await sendRequest({ socketPath, method: 'GET', path: '/v1/key', headers })
  expect(key).toMatchObject({ data: { usage: 0.00004 } })
})
