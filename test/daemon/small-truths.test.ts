import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { groqAt, openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const messages = [{ role: 'user', content: 'hi' }]

test('models.refresh says each time how many models a list has, also when it can’t be fetched', async () => {
  const list = { object: 'list', data: [{ id: 'one' }, { id: 'two' }] }
  const answers = [
    json(200, list),
    json(200, list),
    json(500, { error: { message: 'no' } }),
    json(200, { odd: 1 }),
  ]
  await using upstream = await scriptedUpstream((_request, nth) => [answers[nth] ?? json(404, {})])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), AIBROKER_CATALOG: 'off' } })
  const refresh = async () => ((await broker.rpc('models.refresh')) as { provider: string }[])[0]
  expect(await refresh()).toEqual({ provider: 'openai', models: 2 })
  expect(await refresh()).toEqual({ provider: 'openai', models: 2 })
  for (let failure = 0; failure < 2; failure++)
    expect(await refresh()).toMatchObject({
      provider: 'openai',
      models: 2,
      problem: expect.any(String) as string,
    })
  expect((await broker.get('/v1/models')).text).toContain('openai/two')
})

test('a pinned caller is not asked for keys that are set', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(
    path,
    'models:\n  m: { backends: [{ provider: openai, model_id: m, input_cost: 1, output_cost: 1 }] }\n',
  )
  await using upstream = await scriptedUpstream([json(200, {})])
  await using broker = await startBroker({
    env: { ...openaiAt(upstream), ...groqAt(upstream), MODELS_CONFIG_PATH: path },
  })
  const subject = { scope: 'context', context: 'lab' }
  await broker.rpc('limits.set', { subject, rule: { providers: ['groq'] } })
  const headers = { 'x-hero-context': 'lab' }
  const { status, text } = await broker.post('/v1/chat/completions', { model: 'm', messages }, { headers })
  expect(status).toBe(404)
  expect(text).toContain('It is offered by openai, and this caller is pinned to the providers groq')
  expect(text).not.toContain('_API_KEY')
  const auto = await broker.post('/v1/chat/completions', { model: 'auto', messages }, { headers })
  expect(auto.status).toBe(404)
  expect(auto.text).toContain('this caller may use is configured: it is pinned to the providers groq')
  expect(auto.text).not.toContain('_API_KEY')
})

test('usage of a loopback address on a socket says where the callers of sockets are booked', async () => {
  await using broker = await startBroker()
  for (const ip of ['127.0.0.1', '::1', 'localhost']) {
    const { status, text } = await broker.get(`/billing/usage/${ip}`)
    expect([status, text]).toEqual([
      404,
      expect.stringContaining('callers of the Unix sockets are booked as “local”'),
    ])
  }
})

test('every error has an x-request-id, and that of a request that was routed is its generation id', async () => {
  await using broker = await startBroker({
    env: { ADMIN_TOKEN: 'secret' },
    args: ['--address', '127.0.0.1', '--port', '0'],
  })
  const port = { socketPath: undefined, port: broker.port }
  const id = expect.stringMatching(/^[A-Za-z0-9-]{16,}$/) as string
  const answers = [
    await broker.get('/nowhere'),
    await broker.get('/v1/chat/completions'),
    await broker.get('/v1/models', port),
    await broker.post('/v1/chat/completions', { model: 'x', messages }, port),
    await broker.get('/nowhere', { socketPath: broker.sockets.rpc }),
    await broker.get('/nowhere', { socketPath: broker.sockets.web }),
  ]
  for (const { status, headers } of answers) {
    expect([401, 404, 405]).toContain(status)
    expect(headers['x-request-id']).toEqual(id)
  }
  const { headers } = await broker.post('/v1/chat/completions', { model: 'no-such', messages })
  expect(headers['x-request-id']).toBe(headers['x-generation-id'])
})

test('a model for speech is on offer, and listed with those of its output', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  const model = (kind: string) => `{ kind: ${kind}, backends: [{ provider: openai, model_id: ${kind} }] }`
  writeFileSync(
    path,
    `models:\n  voice: ${model('speech')}\n  ears: ${model('transcription')}\n  c: ${model('chat')}\n`,
  )
  await using upstream = await scriptedUpstream([json(200, {})])
  await using broker = await startBroker({ env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path } })
  const ids = ((await broker.get('/v1/models')).json as { data: { id: string }[] }).data.map(({ id }) => id)
  expect(ids).toContain('c')
  expect(ids).not.toContain('voice')
  expect(ids).not.toContain('ears')
  expect(await broker.get('/v1/models?output_modalities=speech,transcription')).toMatchObject({
    json: { data: [{ id: 'ears' }, { id: 'voice' }] },
  })
  expect(await broker.get('/v1/models/voice')).toMatchObject({ status: 200 })
  expect(await broker.rpc('models.get', { model: 'voice' })).toMatchObject({ available: true })
  expect(broker.stdout()).toContain('3 on offer')
})
