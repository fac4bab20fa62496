import * as fc from 'fast-check'
import * as cl100k from 'gpt-tokenizer/encoding/cl100k_base'
import * as o200k from 'gpt-tokenizer/encoding/o200k_base'
import * as r50k from 'gpt-tokenizer/encoding/r50k_base'
import { expect, test } from 'vitest'
import { dollars, money } from '../../../src/base/money.ts'
import type { Endpoint, Price } from '../../../src/catalog/catalog.ts'
import { countReading } from '../../../src/inference/cost/estimate-usage.ts'
import { Meter, meterOf, type Ceiling, type Reading } from '../../../src/inference/usage/usage-meter.ts'
import { boundsOf } from '../../../src/inference/budget/worst-case.ts'
import { guessedCost, settledCost } from '../../../src/inference/cost/reconcile-cost.ts'
import { costOf } from '../../../src/ledger/cost.ts'
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

interface Spoken {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly tools: readonly object[] | undefined
  readonly answer: readonly string[]
  readonly tokenizer: number
  /** Tokens that a provider counts beyond the texts. */
  readonly frame: number
  readonly preamble: number
  readonly hidden: number
  readonly isFinished: boolean
}

const spoken: fc.Arbitrary<Spoken> = fc.record({
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
  answer: fc.array(text, { maxLength: 5 }),
  tokenizer: fc.nat(TOKENIZERS.length - 1),
  frame: fc.nat(8),
  preamble: fc.nat(100),
  hidden: fc.nat(3000),
  isFinished: fc.boolean(),
})

const MOST_ANSWER = 8000

function bodyOf({ messages, tools }: Spoken): JsonBody {
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
    maxOutputTokens: MOST_ANSWER,
    price,
  }
}

function listen(body: JsonBody, { answer, isFinished }: Spoken): Meter {
  const meter = new Meter(body)
  for (const content of answer) meter.watch({ choices: [{ delta: { content } }] })
  if (isFinished) meter.watch({ choices: [{ delta: {}, finish_reason: 'stop' }] })
  return meter
}

function ceilingOf(body: JsonBody, mayThinkUnseen: boolean): Ceiling {
  const most = boundsOf({ body, maxTokens: undefined, choices: 1 }, endpoint())
  return { most, mayThinkUnseen, choices: 1 }
}

/** The usage that the provider counts with the tokenizer of its model. */
function truth(said: Spoken, tokenizer: (typeof TOKENIZERS)[number], mayThinkUnseen: boolean) {
  const { messages, tools, answer, frame, preamble } = said
  const count = (text: string): number => tokenizer.encode(text).length
  const completion = count(answer.join(''))
  const hidden = mayThinkUnseen ? Math.min(said.hidden, Math.max(0, MOST_ANSWER - completion)) : 0
  return {
    prompt:
      messages.reduce((sum, { content }) => sum + count(content) + frame, 0) +
      (tools === undefined ? 0 : count(JSON.stringify(tools)) + 346) +
      preamble,
    completion: completion + hidden,
  }
}

function expectWithin({ usage, low, high }: Reading, true_: { prompt: number; completion: number }): void {
  for (const name of ['prompt', 'completion'] as const) {
    expect(low?.[name]).toBeLessThanOrEqual(true_[name])
    expect(high?.[name]).toBeGreaterThanOrEqual(true_[name])
    expect(low?.[name]).toBeLessThanOrEqual(usage?.[name] ?? -1)
    expect(high?.[name]).toBeGreaterThanOrEqual(usage?.[name] ?? Infinity)
  }
}

test('the true usage is between the bounds, for any tokenizer, chat template and hidden reasoning', () => {
  fc.assert(
    fc.property(spoken, fc.boolean(), (said, mayThinkUnseen) => {
      const body = bodyOf(said)
      const reading = listen(body, said).bounds(ceilingOf(body, mayThinkUnseen))
      expect(reading.countSource).toBe('bounded')
      expectWithin(reading, truth(said, TOKENIZERS[said.tokenizer] ?? o200k, mayThinkUnseen))
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
    fc.asyncProperty(spoken, fc.boolean(), fc.boolean(), async (any, mayThinkUnseen, isOwn) => {
      // OpenAI documents three tokens around a message and three around all; a name may take more.
      const said = isOwn ? { ...any, preamble: any.preamble % 17 } : any
      const body = bodyOf(said)
      const meter = listen(body, said)
      const asked = { body, model: isOwn ? 'gpt-4o' : 'llama-3.3-70b' }
      const reading = await countReading(meter, ceilingOf(body, mayThinkUnseen), asked, counter)
      expect(reading.countSource).toBe('counted')
      expectWithin(
        reading,
        truth(said, isOwn ? o200k : (TOKENIZERS[said.tokenizer] ?? o200k), mayThinkUnseen),
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

test('the true cost is between the bounds, whatever part of the prompt was cached and of the completion was reasoning', () => {
  fc.assert(
    fc.property(spoken, price, fc.nat(), fc.nat(), (said, price, cached, written) => {
      const body = bodyOf(said)
      const reading = listen(body, said).bounds(ceilingOf(body, true))
      const { prompt, completion } = truth(said, TOKENIZERS[said.tokenizer] ?? o200k, true)
      const used: Usage = {
        prompt,
        completion,
        cachedPrompt: cached % (prompt + 1),
        cacheWrite: written % (prompt + 1),
        reasoning: said.hidden % (completion + 1),
        audioPrompt: 0,
        audioCompletion: 0,
      }
      const cost = costOf(used, price) ?? 0n
      const booked = settledCost({ reading, price, charged: undefined, goesOn: false, held: undefined })
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
  const { low, usage } = new Meter(body).bounds(ceilingOf(body, false))
  expect([low?.prompt, usage?.prompt]).toEqual([1, 5])
})

const picture = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }
const seen = jsonBodyOf(
  JSON.stringify({
    messages: [{ role: 'user', content: [{ type: 'text', text: 'what is this?' }, picture, picture] }],
  }),
)

test('an image behind a link may have as many tokens as fit into the context window', () => {
  const request = { body: seen, maxTokens: 10, choices: 1 }
  expect(boundsOf(request, endpoint(undefined, 50_000)).promptTokensAtMost).toBe(50_000)
  // Without a known window the bound is far more than any image that was ever billed.
  expect(boundsOf(request, endpoint()).promptTokensAtMost).toBe(1_000_000)
  const most = boundsOf(request, endpoint(undefined, 50_000))
  const { low, usage, high } = new Meter(seen).bounds({ most, mayThinkUnseen: false, choices: 1 })
  expect([low?.prompt, usage?.prompt, high?.prompt]).toEqual([1, 1538, 50_000])
})

test('images with a price of their own count in the cost, in the bounds and in the hold', () => {
  const perPicture: Price = {
    input: dollars('1'),
    output: dollars('2'),
    perImage: dollars('0.005'),
    source: undefined,
    date: undefined,
  }
  const at = endpoint(perPicture, 50_000)
  const meter = meterOf(seen, at)
  meter.watch({ usage: { prompt_tokens: 100, completion_tokens: 10 } })
  const reading = meter.read()
  expect(reading.usage).toMatchObject({ prompt: 100, images: 2 })
  const booked = settledCost({
    reading,
    price: perPicture,
    charged: undefined,
    goesOn: false,
    held: undefined,
  })
  expect(booked.cost).toBe(dollars('0.01012'))
  expect(boundsOf({ body: seen, maxTokens: 10, choices: 1 }, at)).toMatchObject({ imagesAtMost: 2 })
  expect(meterOf(seen, endpoint()).bounds(ceilingOf(seen, false)).usage).not.toHaveProperty('images')
})

test.each([1e308, 1e7])('a charge of $%d that a provider reports is ignored', (cost) => {
  const meter = new Meter(seen)
  meter.watch({ usage: { prompt_tokens: 100, completion_tokens: 10, cost } })
  expect(meter.charged).toBeUndefined()
  expect(meter.reported).toMatchObject({ prompt: 100 })
})

test('reported image tokens are priced at their own rate', () => {
  const meter = new Meter(seen)
  meter.watch({
    usage: { prompt_tokens: 100, completion_tokens: 0, prompt_tokens_details: { image_tokens: 60 } },
  })
  const price = {
    input: dollars('1'),
    output: dollars('2'),
    image: dollars('10'),
    source: undefined,
    date: undefined,
  }
  expect(costOf(meter.read().usage as Usage, price)).toBe(dollars('0.00064'))
})

const onceUpon = { choices: [{ delta: { content: 'Once upon a time there was a house.' } }] }

const COUNTER = { count: () => Promise.resolve([500, 0, 9]), close: () => Promise.resolve() }

test.each([
  ['before the last text', [{ usage: { prompt_tokens: 100, completion_tokens: 1 } }, onceUpon]],
  ['without a token for the text', [onceUpon, { usage: { prompt_tokens: 100, completion_tokens: 0 } }]],
  ['without any count for the text', [onceUpon, { usage: { prompt_tokens: 100, total_tokens: 120 } }]],
])('usage that a provider reports %s covers the prompt alone', async (_when, chunks) => {
  const body = jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}')
  const meter = new Meter(body)
  for (const chunk of chunks) meter.watch(chunk)
  expect(meter.reported).toBeUndefined()
  expect(meter.completionSoFar).toBeGreaterThan(7)
  const ceiling = ceilingOf(body, false)
  for (const model of ['gpt-4o', 'other']) {
    const reading = await countReading(meter, ceiling, { body, model }, COUNTER)
    expect(reading).toMatchObject({
      usage: { prompt: 100, completion: 9 },
      low: { prompt: 100 },
      high: { prompt: 100 },
      countSource: 'counted',
    })
  }
})

test('a response with text whose reported usage is all zeros is counted', () => {
  const meter = new Meter(jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
  for (const chunk of [onceUpon, { usage: { prompt_tokens: 0, completion_tokens: 0 } }]) meter.watch(chunk)
  const { usage, countSource } = meter.read()
  expect(countSource).toBe('bounded')
  expect([usage?.prompt, usage?.completion]).toEqual([5, 9])
})

test('running totals in every chunk cover the whole response', () => {
  const meter = new Meter(jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
  for (const completion_tokens of [4, 9])
    meter.watch({ ...onceUpon, usage: { prompt_tokens: 3, completion_tokens } })
  meter.watch({ choices: [{ delta: {}, finish_reason: 'stop' }] })
  expect(meter.reported).toMatchObject({ prompt: 3, completion: 9 })
})

test('a charge that is reported before the last text does not cover the whole response', () => {
  const meter = new Meter(jsonBodyOf('{"model":"m","messages":[{"role":"user","content":"hi"}]}'))
  meter.watch({ ...onceUpon, usage: { prompt_tokens: 9, completion_tokens: 9, cost: 0.03 } })
  expect(meter.charged).toBe(dollars('0.03'))
  meter.watch(onceUpon)
  expect(meter.charged).toBeUndefined()
  meter.watch({ usage: { prompt_tokens: 9, completion_tokens: 18 } })
  expect([meter.reported?.completion, meter.charged]).toEqual([18, undefined])
})

test('embeddings whose reported usage is zero, or that follow embeddings without a report, are counted', () => {
  const body = jsonBodyOf('{"model":"m","input":["a","b"]}')
  const [nothing, half] = [new Meter(body), new Meter(body)]
  nothing.watch({ data: [{}], usage: { prompt_tokens: 0, total_tokens: 0 } })
  expect(nothing.reported).toBeUndefined()
  half.watch({ data: [{}], usage: { prompt_tokens: 100, total_tokens: 100 } })
  expect(half.reported).toMatchObject({ prompt: 100 })
  half.watch({ data: [{}, {}] })
  expect(half.reported).toBeUndefined()
})

test('a charge that is based on an estimate is replaced by our cost if our bounds contain it, and widens the bounds otherwise', () => {
  const price: Price = { input: dollars('1'), output: dollars('1'), source: undefined, date: undefined }
  const counts = (prompt: number): Usage => usage({ prompt, completion: 10 })
  const reading = { usage: counts(20), countSource: 'counted', low: counts(10), high: counts(40) } as const
  const question = { reading, price, goesOn: false, held: undefined }
  const own = settledCost({ ...question, charged: undefined })
  expect(own.cost).toBeDefined()
  const within = guessedCost({ ...question, charged: own.costHigh })
  expect(within).toEqual(own)
  const beyond = guessedCost({ ...question, charged: dollars('3') })
  expect(beyond).toMatchObject({ cost: own.cost, costHigh: dollars('3'), upstreamCost: dollars('3') })
  expect(beyond.flag).toContain('our price makes it')
  const unpriced = guessedCost({ ...question, price: undefined, charged: dollars('3') })
  expect(unpriced).toMatchObject({ cost: dollars('3'), costSource: 'upstream' })
})
