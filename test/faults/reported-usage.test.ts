// What providers report of usage and cost in forms of their own, through the whole broker.
import { expect, test } from 'vitest'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  sse,
  usageChunk,
  type Script,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders } from './broker-with-providers.ts'

const message = { role: 'assistant', content: 'ok' }

function reports(usage: Readonly<Record<string, unknown>>): Script {
  return ({ body }) => {
    if ((body as { stream?: boolean }).stream === true)
      return [sse(chatChunk('ok'), finishChunk(), usageChunk(usage), done)]
    return [json(200, { id: 'x', choices: [{ index: 0, message, finish_reason: 'stop' }], usage })]
  }
}

const $ = (usd: number) => BigInt(Math.round(usd * 1e9))

test.each([false, true])('reasoning beside completion_tokens is billed (streamed: %s)', async (stream) => {
  const usage = {
    prompt_tokens: 1000,
    completion_tokens: 200,
    total_tokens: 4200,
    completion_tokens_details: { reasoning_tokens: 3000 },
  }
  await using broker = await startBrokerWithProviders([{ script: reports(usage) }])
  const response = await broker.sendChat({ stream })
  expect(response.usage).toMatchObject({ completion_tokens: 3200, total_tokens: 4200 })
  // $1 and $2 per million.
  expect(await broker.entry()).toMatchObject({
    countSource: 'reported',
    cost: $(0.001 + 0.0064),
    costLow: undefined,
  })
})

test.each([false, true])(
  'a total that does not add up makes the cost bounded and is said in the row (streamed: %s)',
  async (stream) => {
    const usage = { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 4200 }
    await using broker = await startBrokerWithProviders([{ script: reports(usage) }])
    await broker.sendChat({ stream })
    expect(await broker.entry()).toMatchObject({
      countSource: 'bounded',
      cost: $(0.0074),
      costLow: $(0.0014),
      costHigh: $(0.0074),
      flag: expect.stringContaining('1000 prompt and 200 completion tokens, and a total of 4200') as string,
    })
  },
)

test('a report of a total alone bounds the cost', async () => {
  await using broker = await startBrokerWithProviders([{ script: reports({ total_tokens: 500 }) }])
  await broker.sendChat({ stream: false, max_tokens: 400 })
  const { countSource, cost = 0n, costLow = 0n, costHigh = 0n } = await broker.entry()
  expect(countSource).not.toBe('reported')
  expect(costLow).toBeGreaterThanOrEqual($(500e-6) / 2n)
  // All of it at the rate of a response, and a little for what may be neither.
  expect(costHigh).toBeLessThanOrEqual($(0.0011))
  expect(cost).toBeGreaterThan(0n)
})

test('searches without a price of their own are in the upper bound of the cost', async () => {
  const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, num_search_queries: 2 }
  await using broker = await startBrokerWithProviders([{ script: reports(usage) }])
  await broker.sendChat({ stream: false })
  expect(await broker.entry()).toMatchObject({ cost: $(0.0002), costLow: $(0.0002), costHigh: $(0.1002) })
})

interface Spent {
  readonly name: string
  readonly usage: Readonly<Record<string, unknown>>
  readonly price: boolean
  readonly cost: number | undefined
  readonly low?: number
  readonly source: string
}

const counts = { prompt_tokens: 10_000, completion_tokens: 10, total_tokens: 10_010 }
const byok = (cost: number, spent: number | null) => ({
  ...counts,
  cost,
  is_byok: true,
  cost_details: { upstream_inference_cost: spent },
})

const SPENT: readonly Spent[] = [
  {
    name: 'nothing and the vendor’s bill',
    usage: byok(0, 0.03015),
    price: true,
    cost: 0.03015,
    source: 'upstream',
  },
  {
    name: 'its fee and the vendor’s bill',
    usage: byok(0.0015, 0.03015),
    price: false,
    cost: 0.03165,
    source: 'upstream',
  },
  {
    name: 'its fee alone, with a price',
    usage: byok(0.0015, null),
    price: true,
    cost: 0.03165,
    source: 'price',
  },
  {
    name: 'its fee alone, without a price',
    usage: byok(0.0015, null),
    price: false,
    cost: undefined,
    low: 0.0015,
    source: 'none',
  },
  {
    name: 'nothing at all, without a price',
    usage: byok(0, null),
    price: false,
    cost: undefined,
    source: 'none',
  },
  {
    name: 'a zero that nothing explains, without a price',
    usage: { ...counts, cost: 0 },
    price: false,
    cost: undefined,
    source: 'none',
  },
  {
    name: 'a zero that nothing explains, with a price',
    usage: { ...counts, cost: 0 },
    price: true,
    cost: 0.03015,
    source: 'price',
  },
  {
    name: 'a zero of a model that it gives away',
    usage: { ...counts, cost: 0, is_byok: false },
    price: false,
    cost: 0,
    source: 'upstream',
  },
  {
    name: 'a zero of its own for a model with a price',
    usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11, cost: 0, is_byok: false },
    price: true,
    cost: 0.000045,
    low: 0,
    source: 'price',
  },
  {
    name: 'the same figure twice, without saying whose key it was',
    usage: { ...counts, cost: 0.03, cost_details: { upstream_inference_cost: 0.0303 } },
    price: true,
    cost: 0.03,
    source: 'upstream',
  },
]

test.each(SPENT)(
  'OpenRouter reports $name: the owner’s cost',
  async ({ usage, price, cost, low, source }) => {
    const row = 'quirks: { speaks_openrouter: true }'
    const rates = price ? 'input_cost: 3, output_cost: 15, ' : ''
    await using broker = await startBrokerWithProviders([{ script: reports(usage), row, price: rates }])
    await broker.sendChat({ stream: false })
    const entry = await broker.entry()
    expect(entry.costSource ?? 'none').toBe(source)
    expect(entry.cost).toBe(cost === undefined ? undefined : $(cost))
    if (low !== undefined) expect(entry.costLow).toBe($(low))
  },
)

const countsOf = (prompt: unknown, completion: unknown, total: unknown) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: total,
})

test.each([
  ['counts that are texts', [finishChunk(), usageChunk(countsOf('1000', '200', '1200'))]],
  [
    'zeros after the counts',
    [finishChunk(), usageChunk(countsOf(1000, 200, 1200)), usageChunk(countsOf(0, 0, 0))],
  ],
  [
    'the prompt first and the completion last',
    [usageChunk(countsOf(1000, 0, 1000)), finishChunk(), usageChunk(countsOf(0, 200, 200))],
  ],
])('a stream with %s is billed for its prompt and its completion', async (_case, chunks) => {
  await using broker = await startBrokerWithProviders([{ script: [sse(chatChunk('ok'), ...chunks, done)] }])
  await broker.sendChat({ stream: true })
  expect(await broker.entry()).toMatchObject({ countSource: 'reported', cost: $(0.0014), costLow: undefined })
})

test('zeros that follow an early running total do not make it the report of the whole', async () => {
  const early = { ...chatChunk('a'), usage: countsOf(1000, 1, 1001) }
  const chunks = [early, chatChunk(' long answer'), finishChunk(), usageChunk(countsOf(0, 0, 0))]
  await using broker = await startBrokerWithProviders([{ script: [sse(...chunks, done)] }])
  await broker.sendChat({ stream: true })
  expect((await broker.entry()).countSource).not.toBe('reported')
})
