import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readReportedUsage, type ReportedUsage } from '../../../src/inference/usage/reported-usage.ts'
import { UsageMeter } from '../../../src/inference/usage/usage-meter.ts'
import type { UsageShape } from '../../../src/providers/usage-shape.ts'
import { jsonBodyOf } from '../../../src/wire/json/json-body.ts'
import { parseWireUsage } from '../../../src/wire/openai/usage.ts'

function read(usage: object, shape?: UsageShape): ReportedUsage {
  const wire = parseWireUsage(usage)
  if (wire === undefined) throw new Error('the usage was not read')
  return readReportedUsage(wire, shape)
}

interface Case {
  readonly name: string
  readonly shape?: UsageShape
  readonly usage: Readonly<Record<string, unknown>>
  /** Prompt, completion, cached, written, reasoning. */
  readonly counts: readonly [number, number, number, number, number]
}

const details = (prompt: object, completion: object = {}) => ({
  prompt_tokens_details: prompt,
  completion_tokens_details: completion,
})

const CERTAIN: readonly Case[] = [
  {
    name: 'OpenAI’s own: reasoning and cached tokens are inside',
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 300,
      total_tokens: 1300,
      ...details({ cached_tokens: 600 }, { reasoning_tokens: 200 }),
    },
    counts: [1000, 300, 600, 0, 200],
  },
  {
    name: 'xAI: more reasoning than completion, and a total with both',
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 200,
      total_tokens: 4200,
      ...details({ cached_tokens: 0 }, { reasoning_tokens: 3000 }),
    },
    counts: [1000, 3200, 0, 0, 3000],
  },
  {
    name: 'xAI: less reasoning than completion, counted apart as its definition says',
    shape: { reasoning: 'beside' },
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 200,
      total_tokens: 1300,
      ...details({}, { reasoning_tokens: 100 }),
    },
    counts: [1000, 300, 0, 0, 100],
  },
  {
    name: 'xAI: a total that has the reasoning inside wins over the definition',
    shape: { reasoning: 'beside' },
    usage: { prompt_tokens: 10, completion_tokens: 0, total_tokens: 10, ...details({}, {}) },
    counts: [10, 0, 0, 0, 0],
  },
  {
    name: 'Gemini: reasoning that only the total has',
    shape: { surplus: 'completion' },
    usage: { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
    counts: [20, 603, 0, 0, 405],
  },
  {
    name: 'Anthropic’s names: cached and written tokens are beside',
    usage: {
      input_tokens: 50,
      output_tokens: 10,
      cache_read_input_tokens: 5000,
      cache_creation_input_tokens: 100,
    },
    counts: [5150, 10, 5000, 100, 0],
  },
  {
    name: 'LiteLLM’s: Anthropic’s cache counts beside OpenAI’s prompt_tokens, which has them in',
    usage: {
      prompt_tokens: 5150,
      completion_tokens: 10,
      total_tokens: 5160,
      cache_read_input_tokens: 5000,
      cache_creation_input_tokens: 100,
    },
    counts: [5150, 10, 5000, 100, 0],
  },
  {
    name: 'a cache beside the prompt that only the total shows',
    usage: {
      prompt_tokens: 50,
      completion_tokens: 10,
      total_tokens: 5060,
      ...details({ cached_tokens: 5000 }),
    },
    counts: [5050, 10, 5000, 0, 0],
  },
  {
    name: 'DeepSeek’s name for cached tokens',
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 10,
      total_tokens: 1010,
      prompt_cache_hit_tokens: 900,
      prompt_cache_miss_tokens: 100,
    },
    counts: [1000, 10, 900, 0, 0],
  },
  {
    name: 'Moonshot’s place for cached tokens',
    usage: { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010, cached_tokens: 900 },
    counts: [1000, 10, 900, 0, 0],
  },
  {
    name: 'Alibaba’s name for written tokens',
    usage: {
      prompt_tokens: 1000,
      completion_tokens: 10,
      total_tokens: 1010,
      ...details({ cached_tokens: 100, cache_creation_input_tokens: 800 }),
    },
    counts: [1000, 10, 100, 800, 0],
  },
  {
    name: 'zeros under other names beside OpenAI’s',
    usage: {
      prompt_tokens: 686,
      completion_tokens: 123,
      total_tokens: 809,
      input_tokens: 0,
      output_tokens: 0,
      input_tokens_details: null,
      ...details({ cached_tokens: 679 }, { reasoning_tokens: 112 }),
    },
    counts: [686, 123, 679, 0, 112],
  },
  {
    name: 'a prompt and a total, from which the completion follows',
    usage: { prompt_tokens: 100, total_tokens: 120 },
    counts: [100, 20, 0, 0, 0],
  },
]

test.each(CERTAIN)('$name', ({ usage, shape, counts: [prompt, completion, cached, written, reasoning] }) => {
  const { usage: counted, doubt } = read(usage, shape)
  expect(doubt).toBeUndefined()
  expect(counted).toMatchObject({
    prompt,
    completion,
    cachedPrompt: cached,
    cacheWrite: written,
    reasoning,
  })
})

describe('counts that do not add up are bounds, and the dearer reading is the estimate', () => {
  const DOUBTFUL = [
    {
      name: 'a total above the sum',
      usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 500 },
      low: { prompt: 100, completion: 10 },
      high: { prompt: 100, completion: 400 },
    },
    {
      name: 'a total below the sum',
      usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 120 },
      low: { prompt: 100, completion: 20 },
      high: { prompt: 100, completion: 50 },
    },
    {
      name: 'reasoning that may be inside or beside the completion',
      usage: {
        prompt_tokens: 64,
        completion_tokens: 135,
        total_tokens: 277,
        ...details({}, { reasoning_tokens: 78 }),
      },
      low: { prompt: 64, completion: 135 },
      high: { prompt: 64, completion: 213 },
    },
    {
      name: 'more cached tokens than the prompt and the total have',
      usage: {
        prompt_tokens: 50,
        completion_tokens: 10,
        total_tokens: 60,
        ...details({ cached_tokens: 5000 }),
      },
      low: { prompt: 50, completion: 10 },
      high: { prompt: 5050, completion: 10 },
    },
    {
      name: 'more reasoning than completion without a total',
      usage: { prompt_tokens: 50, completion_tokens: 10, ...details({}, { reasoning_tokens: 40 }) },
      low: { prompt: 50, completion: 10 },
      high: { prompt: 50, completion: 50 },
    },
  ]

  test.each(DOUBTFUL)('$name', ({ usage, low, high }) => {
    const { usage: estimate, doubt } = read(usage)
    expect(doubt).toMatchObject({ low, high })
    expect(estimate).toMatchObject(high)
    expect(doubt?.problem).toContain('does not add up')
  })
})

test('a usage object with any counts is read without an error, and its low bound is never above its high one', () => {
  const count = fc.option(fc.nat(5000), { nil: undefined })
  const usages = fc.record({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: fc.option(fc.nat(9000), { nil: undefined }),
    cached: count,
    written: count,
    reasoning: count,
  })
  const shapes = fc.constantFrom<UsageShape>(
    {},
    { reasoning: 'beside' },
    { cache: 'beside' },
    { surplus: 'completion' },
  )
  fc.assert(
    fc.property(usages, shapes, ({ cached, written, reasoning, ...counts }, shape) => {
      const wire = parseWireUsage({
        ...counts,
        ...details({ cached_tokens: cached, cache_write_tokens: written }, { reasoning_tokens: reasoning }),
      })
      if (wire === undefined) return
      const { usage, doubt, total } = readReportedUsage(wire, shape)
      if (usage === undefined) expect(total).toBeGreaterThan(0)
      else {
        const sum = usage.prompt + usage.completion
        // Nothing that the provider counted is left out of what is billed.
        expect(sum).toBeGreaterThanOrEqual(Math.max(counts.prompt_tokens ?? 0, counts.completion_tokens ?? 0))
        if (doubt === undefined && (counts.total_tokens ?? 0) > 0) expect(sum).toBe(counts.total_tokens)
      }
      if (doubt !== undefined)
        expect(doubt.low.prompt + doubt.low.completion).toBeLessThanOrEqual(
          doubt.high.prompt + doubt.high.completion,
        )
    }),
  )
})

const body = jsonBodyOf(
  JSON.stringify({
    model: 'm',
    messages: [{ role: 'user', content: 'Tell me about houses, please. '.repeat(20) }],
  }),
)
const text = {
  choices: [{ delta: { content: 'Once upon a time there was a house.' }, finish_reason: 'stop' }],
}

test.each([
  ['alone', { total_tokens: 200 }],
  ['beside zeros', { prompt_tokens: 0, completion_tokens: 0, total_tokens: 200 }],
])('a total that is reported %s bounds prompt and response together', (_where, usage) => {
  const meter = new UsageMeter(body)
  meter.watch(text)
  meter.watch({ choices: [], usage })
  expect(meter.reported).toBeUndefined()
  const bounds = { maxPromptTokens: 900, maxCompletionTokens: 1000 }
  const reading = meter.bounds({ bounds, mayHideReasoning: true, choices: 1 })
  expect(reading.countSource).toBe('bounded')
  expect((reading.usage?.prompt ?? 0) + (reading.usage?.completion ?? 0)).toBe(200)
  expect(reading.low).toMatchObject({ prompt: 5, completion: 1 })
  expect(reading.high).toMatchObject({ prompt: 199, completion: 195 })
})

test('the total of embeddings is their prompt', () => {
  const meter = new UsageMeter(jsonBodyOf('{"input":"hello"}'))
  meter.watch({ data: [{ embedding: [0.1] }], usage: { total_tokens: 7 } })
  expect(meter.read()).toMatchObject({ countSource: 'reported', usage: { prompt: 7, completion: 0 } })
})

test('web searches are counted under every name', () => {
  expect(read({ prompt_tokens: 1, num_search_queries: 3 }).searches).toBe(3)
  expect(read({ prompt_tokens: 1, num_sources_used: 2 }).searches).toBe(2)
  expect(read({ prompt_tokens: 1, server_tool_use: { web_search_requests: 1 } }).searches).toBe(1)
})
