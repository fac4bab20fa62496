import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { schemaErrorsOf } from '../support/openrouter-schema.ts'
import { groqAt, openrouterAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, type Script } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const row = (id: string) => ({
  id,
  canonical_slug: id,
  name: id,
  created: 1_700_000_000,
  context_length: 64_000,
  architecture: { modality: 'text->text', input_modalities: ['text'], output_modalities: ['text'] },
  pricing: { prompt: '0.000001', completion: '0.000002' },
  top_provider: { is_moderated: false, context_length: 64_000, max_completion_tokens: 8000 },
  supported_parameters: ['tools'],
  default_parameters: null,
})

const BEHIND = {
  name: 'DeepInfra | acme/one',
  model_id: 'acme/one',
  model_name: 'acme/one',
  context_length: 64_000,
  pricing: { prompt: '0.000001', completion: '0.000002' },
  provider_name: 'DeepInfra',
  tag: 'deepinfra/fp8',
  quantization: 'fp8',
  max_completion_tokens: null,
  max_prompt_tokens: null,
  supported_parameters: ['tools'],
  status: 0,
  uptime_last_30m: null,
  uptime_last_5m: null,
  uptime_last_1d: null,
  supports_implicit_caching: false,
  supports_tool_choice: { auto: true, function: true, none: true, required: true },
  latency_last_30m: null,
  throughput_last_30m: null,
}

/** Responds with the current value of `listed`. */
function lists(listed: () => readonly unknown[]): Script {
  return ({ path }) =>
    path.includes('/endpoints')
      ? [json(200, { data: { endpoints: [BEHIND] } })]
      : [json(200, { data: listed() })]
}

async function idsOf(broker: Broker): Promise<string[]> {
  const { json: body } = await broker.get('/api/v1/models')
  return (body as { data: { id: string }[] }).data.map(({ id }) => id)
}

test('OpenRouter’s list is added to the models file and survives a restart, and an absurd list is refused', async () => {
  using folder = tempFolder()
  let listed: readonly unknown[] = [row('acme/one'), row('acme/two'), row('acme/three')]
  await using upstream = await scriptedUpstream(lists(() => listed))
  const env = { ...openrouterAt(upstream), AIBROKER_CATALOG: 'on' }
  {
    await using broker = await startBroker({ env, folder: folder.path })
    expect(await broker.rpc('models.refresh')).toEqual([{ provider: 'openrouter', models: 3 }])
    expect(await idsOf(broker)).toEqual(expect.arrayContaining(['acme/one', 'acme/two', 'acme/three']))
    const { json: body } = await broker.get('/api/v1/models/acme/one/endpoints')
    expect(schemaErrorsOf('GET /models/{author}/{slug}/endpoints application/json', body)).toEqual([])
    expect(body).toMatchObject({ data: { endpoints: [{ tag: 'openrouter' }, { tag: 'deepinfra/fp8' }] } })

    listed = [row('acme/one')]
    expect(await broker.rpc('models.refresh')).toMatchObject([
      { provider: 'openrouter', problem: expect.stringContaining('1 models, after 3') },
    ])
    expect(await idsOf(broker)).toContain('acme/three')
  }
  const copy = join(folder.path, 'v', 'hero_aibroker', 'openrouter-models.json')
  expect(JSON.parse(readFileSync(copy, 'utf8'))).toMatchObject({
    list: { data: [{ id: 'acme/one' }, {}, {}] },
  })

  listed = []
  await using again = await startBroker({ env, folder: folder.path })
  await again.rpc('models.refresh')
  expect(await idsOf(again)).toContain('acme/two')
})

test('a damaged stored list is ignored with a warning', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(lists(() => [row('acme/one')]))
  const env = { ...openrouterAt(upstream), AIBROKER_CATALOG: 'on' }
  await using first = await startBroker({ env, folder: folder.path })
  await first.rpc('models.refresh')
  first.signal('SIGTERM')
  await first.ended
  writeFileSync(join(folder.path, 'v', 'hero_aibroker', 'openrouter-models.json'), '{"list": ')
  await using second = await startBroker({ env, folder: folder.path })
  await second.rpc('models.refresh')
  expect(await idsOf(second)).toContain('acme/one')
  expect(second.stderr()).toContain('the kept list of models is of no use')
})

test('models that another provider lists can be requested by name', async () => {
  await using upstream = await scriptedUpstream([
    json(200, { data: [{ id: 'brand-new', context_window: 9 }] }),
  ])
  await using broker = await startBroker({ env: groqAt(upstream) })
  expect(await broker.rpc('models.refresh')).toEqual([{ provider: 'groq', models: 1 }])
  expect(await idsOf(broker)).toContain('groq/brand-new')
})

test('OpenRouter’s endpoints of a model are loaded at the first request with preferences, and used from then on', async () => {
  await using upstream = await scriptedUpstream((request, nth) =>
    request.method === 'POST'
      ? [json(404, { error: { message: 'No endpoints found', code: 404 } })]
      : (lists(() => [row('acme/one'), row('acme/two')]) as Exclude<Script, readonly unknown[]>)(
          request,
          nth,
        ),
  )
  const env = { ...openrouterAt(upstream), AIBROKER_CATALOG: 'on' }
  await using broker = await startBroker({ env })
  await broker.rpc('models.refresh')
  const body = {
    model: 'acme/one',
    messages: [{ role: 'user', content: 'hi' }],
    provider: { quantizations: ['int4'] },
  }
  await broker.post('/api/v1/chat/completions', body)
  expect(upstream.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
  await expect
    .poll(async () => (await broker.post('/api/v1/explain', body)).json)
    .toMatchObject({
      candidates: [],
      excluded: [
        { endpoint: 'openrouter/acme/one', reason: expect.stringContaining('provider.quantizations') },
      ],
    })
  const { status } = await broker.post('/api/v1/chat/completions', body)
  expect([status, upstream.requests.filter(({ method }) => method === 'POST').length]).toEqual([404, 1])
  const fits = await broker.post('/api/v1/explain', { ...body, provider: { quantizations: ['fp8'] } })
  expect(fits.json).toMatchObject({ candidates: [{ endpoint: 'openrouter/acme/one' }] })
})

test('the list of models is sorted and limited as requested, and an unknown sort is refused', async () => {
  const DAY_S = 86_400
  const now = Math.floor(Date.now() / 1000)
  const listed = [
    { ...row('acme/old'), created: now - 100 * DAY_S, context_length: 8000 },
    { ...row('acme/new'), created: now - DAY_S, pricing: { prompt: '0.00001', completion: '0' } },
    { ...row('acme/dear'), created: now - 10 * DAY_S, pricing: { prompt: '0.0001', completion: '0' } },
  ]
  await using upstream = await scriptedUpstream(lists(() => listed))
  await using broker = await startBroker({ env: { ...openrouterAt(upstream), AIBROKER_CATALOG: 'on' } })
  await broker.rpc('models.refresh')
  const namesFor = async (query: string): Promise<string> => {
    const { json: body } = await broker.get(`/api/v1/models?model_authors=acme&${query}`)
    return (body as { data: { id: string }[] }).data.map(({ id }) => id.slice('acme/'.length)).join(' ')
  }
  expect(await namesFor('sort=newest')).toBe('new dear old')
  expect(await namesFor('sort=pricing-low-to-high')).toBe('old new dear')
  expect(await namesFor('sort=pricing-high-to-low')).toBe('dear new old')
  expect((await namesFor('sort=context-high-to-low')).endsWith('old')).toBe(true)
  expect(await namesFor('sort=most-popular')).toBe(await namesFor(''))
  expect(await namesFor('min_age_days=5&sort=newest')).toBe('dear old')
  expect(await namesFor('max_age_days=5')).toBe('new')
  const { status, json: body } = await broker.get('/api/v1/models?sort=best')
  expect([status, schemaErrorsOf('error 400', body)]).toEqual([400, []])
})
