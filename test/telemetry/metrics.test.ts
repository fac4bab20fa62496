import { expect, test } from 'vitest'

import { ZERO, money } from '../../src/base/money.ts'
import { createHistogram } from '../../src/telemetry/histogram.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import type { Settlement } from '../../src/ledger/types.ts'
import { manualClock } from '../support/manual-clock.ts'

const settlement: Settlement = {
  status: 'finished',
  endpoint: 'groq/llama',
  provider: 'groq',
  attempts: [],
  usage: {
    prompt: 9,
    completion: 4,
    cachedPrompt: 2,
    cacheWrite: 0,
    reasoning: 1,
    audioPrompt: 0,
    audioCompletion: 0,
  },
  countSource: 'reported',
  cost: money(39n),
  costLow: undefined,
  costHigh: undefined,
  priceVersion: 'v',
  finishReason: 'stop',
  error: undefined,
  firstTokenMs: 40,
  durationMs: 900,
}

test('requests are counted in total and by endpoint, and an unknown cost does not count as zero', () => {
  const metrics = createMetrics(manualClock())
  metrics.record(settlement)
  metrics.record({ ...settlement, cost: undefined })
  metrics.record({ ...settlement, status: 'failed', endpoint: undefined, usage: undefined, cost: undefined })
  expect(metrics.total).toMatchObject({
    requests: { finished: 2, cancelled: 0, broken: 0, exhausted: 0, failed: 1 },
    tokens: { prompt: 18, completion: 8, cachedPrompt: 4, reasoning: 2 },
    cost: 39n,
    unpriced: 1,
  })
  expect(metrics.endpoints()).toMatchObject([
    { endpoint: 'groq/llama', provider: 'groq', cost: 39n, unpriced: 1 },
  ])
})

test('an endpoint that only ever failed is listed with its error codes', () => {
  const metrics = createMetrics(manualClock())
  const missed = { endpoint: 'openai/gpt', code: 'upstream-busy', status: 429, ms: 3 }
  metrics.record({ ...settlement, attempts: [missed, missed] })
  const failed = metrics.endpoints().find(({ endpoint }) => endpoint === 'openai/gpt')
  expect(failed?.failedAttempts).toEqual(new Map([['upstream-busy', 2]]))
  expect(failed?.cost).toBe(ZERO)
})

test('a request that an earlier process left open is not counted', () => {
  const metrics = createMetrics(manualClock())
  metrics.record({ ...settlement, status: 'interrupted' })
  expect(metrics.total.duration.count).toBe(0)
})

test('ever new endpoint names of callers do not fill the memory', () => {
  const metrics = createMetrics(manualClock())
  for (let at = 0; at < 5000; at++) metrics.record({ ...settlement, endpoint: `any/model-${at}` })
  expect(metrics.endpoints().length).toBeLessThanOrEqual(2049)
  const counted = metrics.endpoints().map(({ requests }) => requests.finished)
  expect(counted.reduce((sum, one) => sum + one)).toBe(5000)
})

test('each bucket of a histogram includes those before it', () => {
  const histogram = createHistogram()
  for (const seconds of [0.01, 0.1, 0.3, 99, 1000]) histogram.add(seconds)
  const buckets = histogram.buckets()
  expect(buckets.find(({ le }) => le === 0.025)?.count).toBe(1)
  expect(buckets.find(({ le }) => le === 0.1)?.count).toBe(2)
  expect(buckets.find(({ le }) => le === 0.5)?.count).toBe(3)
  expect(buckets.at(-1)).toEqual({ le: 600, count: 4 })
  expect(histogram.count).toBe(5)
  expect(histogram.sum).toBeCloseTo(1099.41)
})
