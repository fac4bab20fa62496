// A broker whose provider is another broker: both have a ledger, and the entries agree.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  raw,
  scriptedUpstream,
  sse,
  usageChunk,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const CHAT = '/v1/chat/completions'
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const USAGE = {
  prompt_tokens: 101,
  completion_tokens: 7,
  total_tokens: 108,
  prompt_tokens_details: { cached_tokens: 61 },
}

/** The settings of a broker in `folder` whose only provider is `mother`, at the same prices. */
function childOf(mother: Broker, folder: string): Record<string, string> {
  const path = join(folder, 'models.yml')
  const baseUrl = `http+unix://${encodeURIComponent(mother.sockets.rest)}/v1`
  writeFileSync(
    path,
    `models:
  gpt-4o-mini:
    context_window: 128000
    backends:
      - {provider: mother, model_id: gpt-4o-mini, input_cost: 0.15, output_cost: 0.6, cached_input_cost: 0.075}
providers:
  mother: {base_url: "${baseUrl}", quirks: {speaks_openrouter: true}}
`,
  )
  return { MODELS_CONFIG_PATH: path }
}

function bill(broker: Broker): object | undefined {
  const [row] = broker.rows().slice(-1)
  if (row === undefined) return undefined
  const { prompt_tokens, completion_tokens, cost_nano, count_source } = row
  return { prompt_tokens, completion_tokens, cost_nano, count_source }
}

const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello there' }, finish_reason: 'stop' }],
}

test.each([
  ['reported', true, false],
  ['reported in a stream', true, true],
  ['not reported', false, false],
  ['not reported in a stream', false, true],
])('child and mother record the same cost for tokens that were %s', async (_how, isReported, isStreamed) => {
  await using upstream = await scriptedUpstream([
    isStreamed
      ? sse(chatChunk('hello there'), finishChunk(), ...(isReported ? [usageChunk(USAGE)] : []), done)
      : json(200, isReported ? { ...answer, usage: USAGE } : answer),
  ])
  await using mother = await startBroker({ env: openaiAt(upstream) })
  using folder = tempFolder()
  await using child = await startBroker({ folder: folder.path, env: childOf(mother, folder.path) })
  const { status } = await child.post(CHAT, { ...hello, stream: isStreamed })
  expect(status).toBe(200)
  await expect.poll(() => child.openHolds() + mother.openHolds(), { timeout: 5000 }).toBe(0)
  expect(bill(child)).toEqual(bill(mother))
  expect(bill(child)).toMatchObject({ count_source: isReported ? 'reported' : 'counted' })
})

test('a failure that may have cost the mother may have cost the child', async () => {
  await using upstream = await scriptedUpstream([raw('{"id":'), cut])
  await using mother = await startBroker({ env: openaiAt(upstream) })
  using folder = tempFolder()
  await using child = await startBroker({ folder: folder.path, env: childOf(mother, folder.path) })
  const { status } = await child.post(CHAT, { ...hello, max_tokens: 100 })
  expect(status).toBe(502)
  await expect.poll(() => child.openHolds() + mother.openHolds(), { timeout: 5000 }).toBe(0)
  // The child sent two attempts.
  const sumOfUpperBounds = (broker: Broker) =>
    broker.rows().reduce((sum, row) => sum + Number(row['cost_high_nano']), 0)
  expect(sumOfUpperBounds(mother)).toBeGreaterThan(0)
  expect(sumOfUpperBounds(child)).toBeGreaterThanOrEqual(sumOfUpperBounds(mother))
  expect(child.rows()).toMatchObject([{ cost_nano: null, cost_low_nano: 0 }])
})

test('a failure that cost the mother nothing costs the child nothing', async () => {
  await using upstream = await scriptedUpstream([json(400, { error: { message: 'no such voice' } })])
  await using mother = await startBroker({ env: openaiAt(upstream) })
  using folder = tempFolder()
  await using child = await startBroker({ folder: folder.path, env: childOf(mother, folder.path) })
  const { status, text } = await child.post(CHAT, hello)
  expect(status).toBe(400)
  expect(text).not.toContain('may_cost')
  expect(mother.rows()).toMatchObject([{ cost_nano: 0, cost_high_nano: null }])
  expect(child.rows()).toMatchObject([{ cost_nano: 0, cost_high_nano: null }])
})
