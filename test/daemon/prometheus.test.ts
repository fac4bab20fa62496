// `/metrics` of a real daemon, read by a parser of Prometheus' format; the shipped dashboard and alerts use metrics that exist.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import parsePrometheusTextFormat from 'parse-prometheus-text-format'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { groqAt, openaiAt } from '../support/providers-env.ts'
import { json, scriptedUpstream, sse, chatChunk, done, finishChunk } from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const MONITORING = join(import.meta.dirname, '..', '..', 'packaging', 'monitoring')
const hello = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const answer = {
  id: 'x',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 },
}

interface Family {
  readonly name: string
  readonly type: string
  readonly metrics: readonly {
    readonly labels?: Readonly<Record<string, string>>
    readonly value?: string
    readonly count?: string
    readonly sum?: string
  }[]
}

async function familiesOf(broker: Broker): Promise<ReadonlyMap<string, Family>> {
  const { text } = await broker.get('/metrics', { socketPath: broker.sockets.rpc })
  const families = parsePrometheusTextFormat(text) as readonly Family[]
  return new Map(families.map((family) => [family.name, family]))
}

/** A broker that has served, streamed, fallen back and failed, so that every metric has a sample. */
async function busyBroker() {
  const good = await scriptedUpstream((request) =>
    (request.body as { stream?: boolean }).stream === true
      ? [sse(chatChunk('one'), finishChunk(), done)]
      : [json(200, answer)],
  )
  const bad = await scriptedUpstream([json(500, { error: { message: 'down' } })])
  const broker = await startBroker({ env: { ...openaiAt(good), ...groqAt(bad) } })
  await broker.post('/v1/chat/completions', hello)
  await broker.post('/v1/chat/completions', { ...hello, stream: true })
  const models = ['groq/llama-3.3-70b-versatile', 'openai/gpt-4o-mini']
  await broker.post('/v1/chat/completions', { ...hello, model: models[0], models })
  await expect.poll(() => broker.rows().length).toBe(3)
  return {
    broker,
    async [Symbol.asyncDispose]() {
      await broker[Symbol.asyncDispose]()
      await good[Symbol.asyncDispose]()
      await bad[Symbol.asyncDispose]()
    },
  }
}

test('the names of OpenTelemetry’s conventions show what the present names show', async () => {
  await using busy = await busyBroker()
  const families = await familiesOf(busy.broker)
  const labels = { gen_ai_provider_name: 'openai', gen_ai_response_model: 'gpt-4o-mini' }
  const own = families.get('aibroker_endpoint_tokens_total')?.metrics
  const prompt = own?.find(
    ({ labels: of }) => of?.['endpoint'] === 'openai/gpt-4o-mini' && of['kind'] === 'prompt',
  )
  const tokens = families.get('gen_ai_client_token_usage')
  expect(tokens?.type).toBe('SUMMARY')
  expect(tokens?.metrics).toContainEqual({
    labels: { ...labels, gen_ai_token_type: 'input' },
    sum: prompt?.value,
    count: expect.stringMatching(/^[23]$/) as string,
  })
  expect(families.get('gen_ai_client_operation_duration_seconds')?.type).toBe('HISTOGRAM')
  const { text } = await busy.broker.get('/metrics', { socketPath: busy.broker.sockets.rpc })
  const counted = tokens?.metrics.find(({ labels: of }) => of?.['gen_ai_provider_name'] === 'openai')?.count
  const of = 'gen_ai_provider_name="openai",gen_ai_response_model="gpt-4o-mini"'
  expect(text).toContain(`gen_ai_client_operation_duration_seconds_count{${of}} ${counted}\n`)
  expect(text).toContain(
    `gen_ai_client_operation_time_to_first_chunk_seconds_bucket{${of},le="+Inf"} ${counted}\n`,
  )
})

test('every metric of the dashboard and of the alert rules exists', async () => {
  await using busy = await busyBroker()
  const names = new Set((await familiesOf(busy.broker)).keys())
  const dashboard = JSON.parse(readFileSync(join(MONITORING, 'grafana-dashboard.json'), 'utf8')) as {
    panels: readonly { targets: readonly { expr: string }[] }[]
  }
  const alerts = parse(readFileSync(join(MONITORING, 'alerts.yml'), 'utf8')) as {
    groups: readonly { rules: readonly { alert: string; expr: string }[] }[]
  }
  const expressions = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
  ]
  const used = expressions.flatMap((expr) =>
    [...expr.matchAll(/\b(?:aibroker|gen_ai_(?:client|server))_\w+/g)].map(([name]) =>
      name.replace(/_bucket$/, ''),
    ),
  )
  expect(new Set(used).size).toBeGreaterThan(8)
  expect([...new Set(used)].filter((name) => !names.has(name))).toEqual([])
})
