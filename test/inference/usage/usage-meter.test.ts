import * as fc from 'fast-check'
import * as cl100k from 'gpt-tokenizer/encoding/cl100k_base'
import * as o200k from 'gpt-tokenizer/encoding/o200k_base'
import * as r50k from 'gpt-tokenizer/encoding/r50k_base'
import { expect, test } from 'vitest'
import { parseUsd, money } from '../../../src/base/money.ts'
import type { Endpoint, Price } from '../../../src/catalog/catalog.ts'
import { estimateUsage } from '../../../src/inference/cost/estimate-usage.ts'
import {
  UsageMeter,
  createUsageMeter,
  type UsageCeiling,
  type UsageReading,
} from '../../../src/inference/usage/usage-meter.ts'
import { maxChatUsage } from '../../../src/inference/budget/worst-case.ts'
import { reconcileEstimate, reconcileCost } from '../../../src/inference/cost/reconcile-cost.ts'
import { costOf } from '../../../src/ledger/cost.ts'
import { maxTextTokens } from '../../../src/inference/usage/prompt-text.ts'
import type { Usage } from '../../../src/ledger/types.ts'
import { usage } from '../../ledger/samples.ts'
import { jsonBodyOf, type JsonBody } from '../../../src/wire/json/json-body.ts'

const TOKENIZERS = [o200k, cl100k, r50k]

/** Prose, other scripts, text art, and the texts that tokenizers compress best and worst. */
const text = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 100 }),
  fc.constantFrom(
    'Once upon a time there was a little girl named Lily. ',
    '今日は良い天気です。',
    '👩‍👩‍👧‍👦',
    ' '.repeat(300),
  ),
  fc
    .array(fc.constantFrom('the ', 'house ', '\n', '    ', '====', '"{}', 'ß', '漢'), { maxLength: 60 })
    .map((words) => words.join('')),
)

interface Exchange {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly tools: readonly object[] | undefined
  readonly response: readonly string[]
  readonly tokenizer: number
  /** Tokens that a provider counts beyond the texts. */
  readonly frame: number
  readonly preamble: number
  readonly hidden: number
  readonly isFinished: boolean
}

const exchanges: fc.Arbitrary<Exchange> = fc.record({
  messages: fc.array(fc.record({ role: fc.constantFrom('user', 'assistant'), content: text }), {
    minLength: 1,
    maxLength: 4,
  }),
  tools: fc.option(
    fc.array(
      fc.record({
        type: fc.constant('function'),
        function: fc.record({ name: text, parameters: fc.constant({}) }),
      }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    { nil: undefined },
  ),
  response: fc.array(text, { maxLength: 5 }),
  tokenizer: fc.nat(TOKENIZERS.length - 1),
  frame: fc.nat(8),
  preamble: fc.nat(100),
  hidden: fc.nat(3000),
  isFinished: fc.boolean(),
})

const MAX_COMPLETION = 8000

function bodyOf({ messages, tools }: Exchange): JsonBody {
  return jsonBodyOf(JSON.stringify({ model: 'm', messages, ...(tools === undefined ? {} : { tools }) }))
}

function endpoint(price?: Price, contextWindow?: number): Endpoint {
  return {
    id: 'p/m',
    provider: 'p',
    modelId: 'm',
    model: 'm',
    priority: 1,
    contextWindow,
    maxOutputTokens: MAX_COMPLETION,
    price,
  }
}

function listen(body: JsonBody, { response, isFinished }: Exchange): UsageMeter {
  const meter = new UsageMeter(body)
  for (const content of response) meter.watch({ choices: [{ delta: { content } }] })
  if (isFinished) meter.watch({ choices: [{ delta: {}, finish_reason: 'stop' }] })
  return meter
}

function ceilingOf(body: JsonBody, mayHideReasoning: boolean): UsageCeiling {
  const bounds = maxChatUsage({ body, maxTokens: undefined, n: 1 }, endpoint())
  return { bounds, mayHideReasoning, choices: 1 }
}

/** The usage that the provider counts with the tokenizer of its model. */
function truth(exchange: Exchange, tokenizer: (typeof TOKENIZERS)[number], mayHideReasoning: boolean) {
  const { messages, tools, response, frame, preamble } = exchange
  const count = (text: string): number => tokenizer.encode(text).length
  const completion = count(response.join(''))
  const hidden = mayHideReasoning ? Math.min(exchange.hidden, Math.max(0, MAX_COMPLETION - completion)) : 0
  return {
    prompt:
      messages.reduce((sum, { content }) => sum + count(content) + frame, 0) +
      (tools === undefined ? 0 : count(JSON.stringify(tools)) + 346) +
      preamble,
    completion: completion + hidden,
  }
}

function expectWithin(
  { usage, low, high }: UsageReading,
  true_: { prompt: number; completion: number },
): void {
  for (const name of ['prompt', 'completion'] as const) {
    expect(low?.[name]).toBeLessThanOrEqual(true_[name])
    expect(high?.[name]).toBeGreaterThanOrEqual(true_[name])
    expect(low?.[name]).toBeLessThanOrEqual(usage?.[name] ?? -1)
    expect(high?.[name]).toBeGreaterThanOrEqual(usage?.[name] ?? Infinity)
  }
}

test('the true usage is between the bounds, for any tokenizer, chat template and hidden reasoning', () => {
  fc.assert(
    fc.property(exchanges, fc.boolean(), (exchange, mayHideReasoning) => {
      const body = bodyOf(exchange)
      const reading = listen(body, exchange).bounds(ceilingOf(body, mayHideReasoning))
      expect(reading.countSource).toBe('bounded')
      expectWithin(reading, truth(exchange, TOKENIZERS[exchange.tokenizer] ?? o200k, mayHideReasoning))
    }),
    { numRuns: 300 },
  )
})

const counter = {
  count: async (_model: string, texts: readonly string[]) => texts.map((text) => o200k.encode(text).length),
  close: async () => undefined,
}

test('the true usage is between the bounds of a count: close ones with the model’s own tokenizer, wide enough with another', async () => {
  await fc.assert(
    fc.asyncProperty(exchanges, fc.boolean(), fc.boolean(), async (any, mayHideReasoning, isOwn) => {
      // OpenAI documents three tokens around a message and three around all; a name may take more.
      const exchange = isOwn ? { ...any, preamble: any.preamble % 17 } : any
      const body = bodyOf(exchange)
      const meter = listen(body, exchange)
      const request = { body, model: isOwn ? 'gpt-4o' : 'llama-3.3-70b' }
      const reading = await estimateUsage(meter, ceilingOf(body, mayHideReasoning), request, counter)
      expect(reading.countSource).toBe('counted')
      expectWithin(
        reading,
        truth(exchange, isOwn ? o200k : (TOKENIZERS[exchange.tokenizer] ?? o200k), mayHideReasoning),
      )
    }),
    { numRuns: 300 },
  )
})

const rate = fc.bigInt({ min: 0n, max: 10n ** 10n }).map(money)
const maybeRate = fc.option(rate, { nil: undefined })
const price: fc.Arbitrary<Price> = fc.record({
  input: rate,
  output: rate,
  cachedInput: maybeRate,
  cacheWrite: maybeRate,
  reasoning: maybeRate,
  audioInput: maybeRate,
  image: maybeRate,
  perRequest: maybeRate,
  source: fc.constant(undefined),
  date: fc.constant(undefined),
})

test('the tokens that were surely used are never more than the true ones, wherever a stream is cut into chunks', () => {
  const anyTokenizer = fc.constantFrom(...TOKENIZERS)
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.nat(9), anyTokenizer, (texts, size, tokenizer) => {
      const whole = texts.join('')
      const meter = new UsageMeter(jsonBodyOf('{"model":"m","messages":[]}'))
      for (let at = 0; at < whole.length; at += size + 1)
        meter.watch({ choices: [{ delta: { content: whole.slice(at, at + size + 1) } }] })
      expect(meter.minCompletion).toBeLessThanOrEqual(tokenizer.encode(whole).length)
    }),
    { numRuns: 300 },
  )
})

test('the true cost is between the bounds, whatever part of the prompt was cached and of the completion was reasoning', () => {
  fc.assert(
    fc.property(exchanges, price, fc.nat(), fc.nat(), (exchange, price, cached, written) => {
      const body = bodyOf(exchange)
      const reading = listen(body, exchange).bounds(ceilingOf(body, true))
      const { prompt, completion } = truth(exchange, TOKENIZERS[exchange.tokenizer] ?? o200k, true)
      const used: Usage = {
        prompt,
        completion,
        cachedPrompt: cached % (prompt + 1),
        cacheWrite: written % (prompt + 1),
        reasoning: exchange.hidden % (completion + 1),
        audioPrompt: 0,
        audioCompletion: 0,
      }
      const cost = costOf(used, price) ?? 0n
      const booked = reconcileCost({
        reading,
        price,
        charged: undefined,
      })
      expect(booked.costLow).toBeLessThanOrEqual(cost)
      expect(booked.costHigh).toBeGreaterThanOrEqual(cost)
      expect(booked.costLow).toBeLessThanOrEqual(booked.cost ?? -1n)
      expect(booked.costHigh).toBeGreaterThanOrEqual(booked.cost ?? money(10n ** 30n))
    }),
    { numRuns: 300 },
  )
})

test('JSON that is no text adds nothing to the lower bound', () => {
  const keys = Object.fromEntries(Array.from({ length: 500 }, (_, nth) => [`${nth}`, -100]))
  const body = jsonBodyOf(
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], logit_bias: keys }),
  )
  const { low, usage } = new UsageMeter(body).bounds(ceilingOf(body, false))
  expect([low?.prompt, usage?.prompt]).toEqual([1, 5])
})

const picture = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
const seen = jsonBodyOf(
  JSON.stringify({
    messages: [{ role: 'user', content: [{ type: 'text', text: 'what is this?' }, picture, picture] }],
  }),
)

test('an image behind a link is bounded by the largest image of any vendor, and by the context window', () => {
  const request = { body: seen, maxTokens: 10, n: 1 }
  expect(maxChatUsage(request, endpoint(undefined, 20_000)).maxPromptTokens).toBe(20_000)
  const { maxPromptTokens } = maxChatUsage(request, endpoint())
  expect(maxPromptTokens).toBe(maxTextTokens(seen) + 2 * 16_384)
  const bounds = maxChatUsage(request, endpoint(undefined, 20_000))
  const { low, usage, high } = new UsageMeter(seen).bounds({ bounds, mayHideReasoning: false, choices: 1 })
  expect([low?.prompt, usage?.prompt, high?.prompt]).toEqual([1, 1538, 20_000])
})

test('images with a price of their own count in the cost, in the bounds and in the hold', () => {
  const perPicture: Price = {
    input: parseUsd('1'),
    output: parseUsd('2'),
    perImage: parseUsd('0.005'),
    source: undefined,
    date: undefined,
  }
  const at = endpoint(perPicture, 50_000)
  const meter = createUsageMeter(seen, at)
  meter.watch({ usage: { prompt_tokens: 100, completion_tokens: 10 } })
  const reading = meter.read()
  expect(reading.usage).toMatchObject({ prompt: 100, images: 2 })
  const booked = reconcileCost({
    reading,
    price: perPicture,
    charged: undefined,
  })
  expect(booked.cost).toBe(parseUsd('0.01012'))
  expect(maxChatUsage({ body: seen, maxTokens: 10, n: 1 }, at)).toMatchObject({ maxImages: 2 })
  expect(createUsageMeter(seen, endpoint()).bounds(ceilingOf(seen, false)).usage).not.toHaveProperty('images')
})

test.each([1e308, 1e7])('a charge of $%d that a provider reports is ignored', (cost) => {
  const meter = new UsageMeter(seen)
  meter.watch({ usage: { prompt_tokens: 100, completion_tokens: 10, cost } })
  expect(meter.charged).toBeUndefined()
  expect(meter.reported).toMatchObject({ prompt: 100 })
})

test('reported image tokens are priced at their own rate', () => {
  const meter = new UsageMeter(seen)
  meter.watch({
    usage: { prompt_tokens: 100, completion_tokens: 0, prompt_tokens_details: { image_tokens: 60 } },
  })
  const price = {
    input: parseUsd('1'),
    output: parseUsd('2'),
    image: parseUsd('10'),
    source: undefined,
    date: undefined,
  }
  expect(costOf(meter.read().usage as Usage, price)).toBe(parseUsd('0.00064'))
})

const onceUpon = { choices: [{ delta: { content: 'Once upon a time there was a house.' } }] }

const COUNTER = { count: () => Promise.resolve([500, 0, 9]), close: () => Promise.resolve() }

test.each([
  ['before the last text', [{ usage: { prompt_tokens: 100, completion_tokens: 1 } }, onceUpon]],
  ['without a token for the text', [onceUpon, { usage: { prompt_tokens: 100, completion_tokens: 0 } }]],
  ['without any count for the text', [onceUpon, { usage: { prompt_tokens: 100 } }]],
])('usage that a provider reports %s covers the prompt alone', async (_when, chunks) => {
  const body = jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}')
  const meter = new UsageMeter(body)
  for (const chunk of chunks) meter.watch(chunk)
  expect(meter.reported).toBeUndefined()
  expect(meter.minCompletion).toBe(1)
  const ceiling = ceilingOf(body, false)
  for (const model of ['gpt-4o', 'other']) {
    const reading = await estimateUsage(meter, ceiling, { body, model }, COUNTER)
    expect(reading).toMatchObject({
      usage: { prompt: 100, completion: 9 },
      low: { prompt: 100 },
      high: { prompt: 100 },
      countSource: 'counted',
    })
  }
})

test('a response with text whose reported usage is all zeros is counted', () => {
  const meter = new UsageMeter(jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
  for (const chunk of [onceUpon, { usage: { prompt_tokens: 0, completion_tokens: 0 } }]) meter.watch(chunk)
  const { usage, countSource } = meter.read()
  expect(countSource).toBe('bounded')
  expect([usage?.prompt, usage?.completion]).toEqual([5, 9])
})

test('running totals in every chunk cover the whole response', () => {
  const meter = new UsageMeter(jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
  for (const completion_tokens of [4, 9])
    meter.watch({ ...onceUpon, usage: { prompt_tokens: 3, completion_tokens } })
  meter.watch({ choices: [{ delta: {}, finish_reason: 'stop' }] })
  expect(meter.reported).toMatchObject({ prompt: 3, completion: 9 })
})

test('a charge that is reported before the last text does not cover the whole response', () => {
  const meter = new UsageMeter(jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
  meter.watch({ ...onceUpon, usage: { prompt_tokens: 9, completion_tokens: 9, cost: 0.03 } })
  expect(meter.charged).toBe(parseUsd('0.03'))
  meter.watch(onceUpon)
  expect(meter.charged).toBeUndefined()
  meter.watch({ usage: { prompt_tokens: 9, completion_tokens: 18 } })
  expect([meter.reported?.completion, meter.charged]).toEqual([18, undefined])
})

test('embeddings whose reported usage is zero, or that follow embeddings without a report, are counted', () => {
  const body = jsonBodyOf('{"model":"m","input":["a","b"]}')
  const [nothing, half] = [new UsageMeter(body), new UsageMeter(body)]
  nothing.watch({ data: [{}], usage: { prompt_tokens: 0, total_tokens: 0 } })
  expect(nothing.reported).toBeUndefined()
  half.watch({ data: [{}], usage: { prompt_tokens: 100, total_tokens: 100 } })
  expect(half.reported).toMatchObject({ prompt: 100 })
  half.watch({ data: [{}, {}] })
  expect(half.reported).toBeUndefined()
})

test('a charge that is based on an estimate is replaced by our cost if our bounds contain it, and widens the bounds otherwise', () => {
  const price: Price = { input: parseUsd('1'), output: parseUsd('1'), source: undefined, date: undefined }
  const counts = (prompt: number): Usage => usage({ prompt, completion: 10 })
  const reading = { usage: counts(20), countSource: 'counted', low: counts(10), high: counts(40) } as const
  const question = { reading, price }
  const own = reconcileCost({ ...question, charged: undefined })
  expect(own.cost).toBeDefined()
  const within = reconcileEstimate({ ...question, charged: own.costHigh })
  expect(within).toEqual(own)
  const beyond = reconcileEstimate({ ...question, charged: parseUsd('3') })
  expect(beyond).toMatchObject({ cost: own.cost, costHigh: parseUsd('3'), upstreamCost: parseUsd('3') })
  expect(beyond.flag).toContain('our price makes it')
  const unpriced = reconcileEstimate({ ...question, price: undefined, charged: parseUsd('3') })
  expect(unpriced).toMatchObject({ cost: parseUsd('3'), costSource: 'upstream' })
})

const question = jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}')

test('each chunk with text is believed to have at least one token, whatever a tokenizer makes of the whole', async () => {
  const chunk = fc.record({
    content: fc.constantFrom('a', 'b', ' ', 'word', 'two words', ''),
    reasoning: fc.constantFrom(undefined, '', 'x'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(chunk, { maxLength: 150 }),
      fc.constantFrom('gpt-4o', 'other'),
      async (chunks, model) => {
        const meter = new UsageMeter(question)
        for (const delta of chunks) meter.watch({ choices: [{ delta }] })
        const withText = chunks.filter(({ content, reasoning = '' }) => content + reasoning !== '').length
        for (const maxTokens of [20, 8000]) {
          const ceiling = { ...ceilingOf(question, false), choices: 1 }
          const bounds = { ...ceiling.bounds, maxCompletionTokens: maxTokens }
          const readings = [
            meter.bounds({ ...ceiling, bounds }),
            await estimateUsage(meter, { ...ceiling, bounds }, { body: question, model }, counter),
          ]
          for (const { usage, low, high } of readings) {
            expect(usage?.completion).toBeGreaterThanOrEqual(withText)
            expect(usage?.completion).toBeGreaterThanOrEqual(low?.completion ?? Infinity)
            expect(usage?.completion).toBeLessThanOrEqual(high?.completion ?? -1)
          }
        }
      },
    ),
  )
})

test('a hundred chunks of one letter are booked as a hundred tokens', async () => {
  const meter = new UsageMeter(question)
  for (let nth = 0; nth < 100; nth++) meter.watch({ choices: [{ delta: { content: 'a' } }] })
  expect(meter.read().usage?.completion).toBe(100)
  const sent = { body: question, model: 'other' }
  const { usage } = await estimateUsage(meter, ceilingOf(question, false), sent, counter)
  expect(usage?.completion).toBe(100)
})

const counts = { prompt_tokens: 10, completion_tokens: 5 }
const last = { delta: {}, finish_reason: 'stop' }

test.each([
  [
    'in `x_groq` of the last chunk',
    { choices: [last], x_groq: { id: 'req', usage: { ...counts, total_time: 0.01 } } },
  ],
  ['in the last choice', { choices: [{ ...last, usage: counts }] }],
])('usage %s is read', (_where, chunk) => {
  const meter = new UsageMeter(question)
  meter.watch(onceUpon)
  meter.watch(chunk)
  expect(meter.reported).toMatchObject({ prompt: 10, completion: 5 })
})

test.each([
  ['a list of parts', { content: [{ type: 'text', text: 'some words' }] }],
  [
    'a list of thoughts',
    { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'some words' }] }] },
  ],
  ['details of reasoning', { reasoning_details: [{ type: 'reasoning.text', text: 'some words' }] }],
  ['an older function call', { function_call: { name: 'f', arguments: '{"some":1}' } }],
  ['the transcript of a sound', { audio: { transcript: 'some words' } }],
])('a response that is %s is counted', (_what, delta) => {
  const meter = new UsageMeter(question)
  meter.watch({ choices: [{ delta }] })
  expect(meter.read().usage?.completion).toBeGreaterThanOrEqual(2)
})
