import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventsOf } from '../support/openrouter-schema.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

interface Case {
  readonly name: string
  /** Where the rates were published. */
  readonly source: string
  /** US dollars per million tokens, as the models file has them. */
  readonly rates: string
  /** The usage as a provider reports it. */
  readonly usage: Readonly<Record<string, unknown>>
  /** The cost in nano-dollars, worked out by hand: of the prompt, of the completion. */
  readonly nano: readonly [prompt: number, completion: number]
}

const CASES: readonly Case[] = [
  {
    name: 'cache-reads-and-writes',
    source: 'https://docs.claude.com/en/docs/about-claude/pricing, Claude Sonnet 4.5, writes for 5 minutes',
    rates: 'input_cost: 3, output_cost: 15, cached_input_cost: 0.3, cache_write_cost: 3.75',
    usage: {
      prompt_tokens: 10_000,
      completion_tokens: 500,
      prompt_tokens_details: { cached_tokens: 6000, cache_write_tokens: 3000 },
      completion_tokens_details: { reasoning_tokens: 200 },
    },
    nano: [6000 * 300 + 3000 * 3750 + 1000 * 3000, 500 * 15_000],
  },
  {
    name: 'audio-both-ways',
    source: 'https://platform.openai.com/docs/pricing, gpt-4o-audio-preview',
    rates: 'input_cost: 2.5, output_cost: 10, audio_input_cost: 40, audio_output_cost: 80',
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 400,
      prompt_tokens_details: { audio_tokens: 600, cached_tokens: 0 },
      completion_tokens_details: { audio_tokens: 300, reasoning_tokens: 0 },
    },
    nano: [400 * 2500 + 600 * 40_000, 100 * 10_000 + 300 * 80_000],
  },
  {
    name: 'above-a-tier',
    source: 'https://ai.google.dev/gemini-api/docs/pricing, Gemini 2.5 Pro',
    rates:
      'input_cost: 1.25, output_cost: 10, cached_input_cost: 0.125, tiers: [{ above_input_tokens: 200000, input_cost: 2.5, output_cost: 15, cached_input_cost: 0.25 }]',
    usage: {
      prompt_tokens: 200_001,
      completion_tokens: 100,
      prompt_tokens_details: { cached_tokens: 100_000 },
    },
    nano: [100_000 * 250 + 100_001 * 2500, 100 * 15_000],
  },
  {
    name: 'a-fee-per-request',
    source: 'https://docs.perplexity.ai/getting-started/pricing, Sonar, low search context',
    rates: 'input_cost: 1, output_cost: 1, request_cost: 0.005',
    usage: { prompt_tokens: 100, completion_tokens: 50 },
    nano: [100 * 1000 + 5_000_000, 50 * 1000],
  },
  {
    name: 'cached-under-another-name',
    source: 'https://api-docs.deepseek.com/quick_start/pricing, deepseek-chat (V3.2)',
    rates: 'input_cost: 0.28, output_cost: 0.42, cached_input_cost: 0.028',
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 10,
      prompt_cache_hit_tokens: 900,
      prompt_cache_miss_tokens: 100,
    },
    nano: [900 * 28 + 100 * 280, 10 * 420],
  },
  {
    name: 'thoughts-of-their-own-rate',
    source: 'a rate such as OpenRouter lists under internal_reasoning',
    rates: 'input_cost: 1, output_cost: 4, reasoning_cost: 3',
    usage: {
      prompt_tokens: 10,
      completion_tokens: 100,
      completion_tokens_details: { reasoning_tokens: 80 },
    },
    nano: [10 * 1000, 20 * 4000 + 80 * 3000],
  },
  {
    name: 'half-a-nano-dollar-is-rounded-up-once',
    source: 'https://ai.google.dev/gemini-api/docs/pricing, Gemini 1.5 Flash-8B: 37.5 nano-dollars a token',
    rates: 'input_cost: 0.0375, output_cost: 0.15',
    usage: { prompt_tokens: 3, completion_tokens: 1 },
    nano: [113, 150],
  },
]

const script: Script = ({ body }) => {
  const { model, stream } = body as { model: string; stream?: boolean }
  const usage = CASES.find(({ name }) => name === model)?.usage ?? {}
  if (stream === true) return [sse(chatChunk('hi'), finishChunk(), usageChunk(usage), done)]
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }]
  return [json(200, { object: 'chat.completion', created: 1, choices, usage })]
}

const folder = tempFolder()
let upstream: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  upstream = await scriptedUpstream(script)
  const path = join(folder.path, 'models.yml')
  const rows = CASES.map(
    ({ name, rates }) => `  ${name}: { backends: [{ provider: openai, model_id: ${name}, ${rates} }] }`,
  )
  writeFileSync(path, ['models:', ...rows, ''].join('\n'))
  broker = await startBroker({
    env: { ...openaiAt(upstream), MODELS_CONFIG_PATH: path },
    folder: folder.path,
  })
}, 30_000)
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

describe('response, ledger and /generation have the cost that was worked out by hand, to the nano-dollar', () => {
  test.each(CASES.flatMap((each) => [false, true].map((stream) => ({ ...each, stream }))))(
    '$name (streamed: $stream; $source)',
    async ({ name, nano: [prompt, completion], stream }) => {
      const messages = [{ role: 'user', content: 'hi' }]
      const { text, headers } = await broker.post('/api/v1/chat/completions', {
        model: name,
        messages,
        stream,
      })
      const id = String(headers['x-generation-id'])
      const { json: found } = await broker.get(`/api/v1/generation?id=${id}`)
      const { usage } = (stream ? eventsOf(text).at(-1) : JSON.parse(text)) as {
        usage: { cost: number; cost_details: Record<string, number> }
      }
      expect(usage.cost).toBe((prompt + completion) / 1e9)
      expect(usage.cost_details).toEqual({
        upstream_inference_cost: (prompt + completion) / 1e9,
        upstream_inference_prompt_cost: prompt / 1e9,
        upstream_inference_completions_cost: completion / 1e9,
      })
      expect(broker.rows().find((row) => row['id'] === id)).toMatchObject({ cost_nano: prompt + completion })
      expect(found).toMatchObject({ data: { total_cost: (prompt + completion) / 1e9 } })
    },
  )
})
