import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, scriptedUpstream } from '../support/scripted-upstream.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const whole = {
  choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
}
const messages = [{ role: 'user', content: 'hi' }]

test('a provider with `models: any` gets every model that is requested by its name, unpriced', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  await using upstream = await scriptedUpstream([json(200, whole)])
  const file = (models: string) => `
providers:
  acme: { base_url: "${upstream.baseUrl}", models: ${models} }
models:
  q: { backends: [{ provider: acme, model_id: q1, input_cost: 1, output_cost: 1 }] }
`
  writeFileSync(path, file('any'))
  await using broker = await startBroker({ env: { MODELS_CONFIG_PATH: path } })
  const ask = async (model: string) => {
    const { status } = await broker.post('/v1/chat/completions', { model, messages })
    const sent = (upstream.requests.at(-1)?.body ?? {}) as { model?: unknown }
    return [status, sent.model]
  }
  expect(await ask('q')).toEqual([200, 'q1'])
  expect(await ask('acme/q1')).toEqual([200, 'q1'])
  expect(await ask('acme/brand-new')).toEqual([200, 'brand-new'])
  expect(await ask('acme/org/brand-new:7b')).toEqual([200, 'org/brand-new:7b'])
  await expect
    .poll(() => broker.rows().map((row) => [row['endpoint'], row['cost_nano'] === null]))
    .toEqual([
      ['acme/q1', false],
      ['acme/q1', false],
      ['acme/brand-new', true],
      ['acme/org/brand-new:7b', true],
    ])
  for (const model of ['acme/', 'other/x', `acme/${'x'.repeat(300)}`]) expect((await ask(model))[0]).toBe(404)

  await broker.rpc('limits.set', {
    subject: { scope: 'context', context: 'lab' },
    rule: { models: ['acme/*', 'q'] },
  })
  const headers = { 'x-hero-context': 'lab' }
  const restricted = await broker.post(
    '/v1/chat/completions',
    { model: 'acme/hidden', messages },
    { headers },
  )
  expect(restricted.status).toBe(404)

  writeFileSync(path, file('listed'))
  await broker.rpc('config.reload')
  expect((await ask('acme/brand-new'))[0]).toBe(404)
})
