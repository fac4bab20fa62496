// Every listener of the daemon, and what it serves.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const whole = {
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
}
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

let upstream: ScriptedUpstream
let broker: Broker

beforeAll(async () => {
  upstream = await scriptedUpstream([json(200, whole)])
  broker = await startBroker({ env: openaiAt(upstream) })
})

afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

describe.each(['rest', 'rpc', 'web'] as const)('every socket (%s)', (name) => {
  test('reports its health and its protocol', async () => {
    const socketPath = broker.sockets[name]
    const health = await broker.get('/health', { socketPath })
    expect(health).toMatchObject({ status: 200, json: { status: 'ok', service: 'hero_aibroker', version } })
    const manifest = await broker.get('/.well-known/heroservice.json', { socketPath })
    expect(manifest).toMatchObject({
      status: 200,
      json: { name: 'hero_aibroker', protocol: name === 'rpc' ? 'openrpc' : 'rest' },
    })
  })
})

test('web_v1.sock serves its routes with and without /v1, for a router that strips the prefix', async () => {
  const socketPath = broker.sockets.web
  for (const prefix of ['', '/v1', '/api/v1']) {
    const answer = await broker.post(`${prefix}/chat/completions`, body, { socketPath })
    expect(answer).toMatchObject({ status: 200, json: { choices: [{ message: { content: 'hi' } }] } })
    const models = await broker.get(`${prefix}/models`, { socketPath })
    expect(models).toMatchObject({ status: 200, json: { object: 'list' } })
  }
  const stripped = await broker.get('/models')
  expect(stripped.status).toBe(404)
})

test('the RPC socket serves the OpenRPC contract', async () => {
  const contract = await broker.get('/openrpc.json', { socketPath: broker.sockets.rpc })
  expect(contract).toMatchObject({ status: 200, json: { info: { version } } })
  const { methods } = contract.json as { methods: { name: string }[] }
  expect(methods.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['health', 'info', 'models.list', 'usage.summary']),
  )
})

test('the list of models contains those that can be called now', async () => {
  const { json: list } = await broker.get('/v1/models')
  const rows = (list as { data: { id: string; pricing?: { prompt: string } }[] }).data
  expect(rows.find(({ id }) => id === 'gpt-4o-mini')).toMatchObject({
    owned_by: 'openai',
    pricing: { prompt: '0.00000015', completion: '0.0000006' },
  })
  expect(rows.map(({ id }) => id)).not.toContain('qwen3-max')
  expect(await broker.rpc('models.list', { search: 'gpt-4o-mini', available: true })).toContainEqual(
    expect.objectContaining({ id: 'gpt-4o-mini', available: true }),
  )
})

test('JSON-RPC reports health, models and cost', async () => {
  expect(await broker.rpc('health')).toMatchObject({ status: 'ok', version })
  expect(await broker.rpc('info')).toMatchObject({
    is_mother: false,
    providers: expect.arrayContaining([
      expect.objectContaining({ name: 'openai', keys: 1 }),
      expect.objectContaining({ name: 'local', keys: 0 }),
    ]) as unknown[],
    open_requests: 0,
  })
  const before = (await broker.rpc('usage.summary')) as { totals: { requests: number } }
  await broker.post('/v1/chat/completions', body)
  await expect
    .poll(() => broker.rpc('usage.summary'))
    .toMatchObject({ totals: { requests: before.totals.requests + 1 } })
})

test('the usage of each address adds up, for all time and for a period', async () => {
  const chat = (ip: string) =>
    broker.post('/v1/chat/completions', body, { headers: { 'x-forwarded-for': ip } })
  await chat('203.0.113.7')
  await chat('203.0.113.7')
  await chat('2001:DB8::1')
  const two = {
    requests: 2,
    prompt_tokens: 200,
    completion_tokens: 20,
    total_tokens: 220,
    cost_usd: '0.000042',
  }
  await expect
    .poll(async () => (await broker.get('/billing/usage')).json)
    .toMatchObject({
      addresses: expect.arrayContaining([
        expect.objectContaining({ ip: '203.0.113.7', ...two }),
        expect.objectContaining({ ip: '2001:db8::1', requests: 1 }),
      ]) as unknown[],
    })
  const path = '/billing/usage/203.0.113.7'
  expect((await broker.get(path)).json).toMatchObject({ ...two, models: [{ model: 'gpt-4o-mini', ...two }] })
  expect((await broker.get('/billing/usage/2001:0db8:0::1')).json).toMatchObject({ requests: 1 })

  const now = Math.floor(Date.now() / 1000)
  expect((await broker.get(`${path}?since=${now - 600}&until=${now + 600}`)).json).toMatchObject(two)
  expect((await broker.get(`${path}?since=${now + 600}`)).status).toBe(404)
  expect((await broker.get(`/billing/usage?until=${now - 600}`)).json).toEqual({
    addresses: [],
    refused: [],
  })
  expect((await broker.get('/billing/usage?since=yesterday')).status).toBe(400)
})
