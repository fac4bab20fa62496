// A budget holds, however the requests that share it end.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dollars, formatDollars, money } from '../../src/base/money.ts'
import { ask, openAsk } from '../support/open-request.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  sse,
  usageChunk,
  type ReceivedRequest,
  type Step,
} from '../support/scripted-upstream.ts'
import { brokerBefore, type BrokerBefore } from './broker-with-providers.ts'
import { plainAnswer, refuses, role } from './scripts.ts'

const FATES = ['plain', 'stream', 'broken', 'half then whole', 'silent', 'cancelled', 'failed'] as const

/** The most expensive provider: it charges for every token that the request allows, and reports usage whenever it can. */
function worst(request: ReceivedRequest, nth: number): readonly Step[] {
  const body = request.body as { messages: { content: string }[]; max_tokens: number }
  const usage = { prompt_tokens: request.raw.length, completion_tokens: body.max_tokens }
  const begun = sse(role, chatChunk('so '), chatChunk('far '))
  const whole: Step[] = [begun, sse(finishChunk(), usageChunk(usage), done)]
  const [{ content: fate } = { content: '' }] = body.messages
  switch (fate) {
    case 'plain':
      return [json(200, { ...plainAnswer('so far'), usage })]
    case 'half then whole':
      return nth % 2 === 0 ? [begun, sse(usageChunk(usage)), cut] : whole
    case 'broken':
    case 'cancelled':
      return [begun, sse(usageChunk(usage)), cut]
    case 'silent':
      return [cut]
    case 'failed':
      return refuses(429, 'slow down', { 'retry-after': '0' })
    default:
      return whole
  }
}

interface Request {
  readonly fate: (typeof FATES)[number]
  readonly maxTokens: number
}

const request: fc.Arbitrary<Request> = fc.record({
  fate: fc.constantFrom(...FATES),
  maxTokens: fc.integer({ min: 1, max: 300 }),
})

async function act({ daemon }: BrokerBefore, context: string, { fate, maxTokens }: Request): Promise<void> {
  const answer = await openAsk({
    socketPath: daemon.sockets.rest,
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { 'x-hero-context': context },
    body: {
      model: 'm',
      messages: [{ role: 'user', content: fate }],
      max_tokens: maxTokens,
      stream: fate !== 'plain' && fate !== 'silent',
    },
  })
  if (fate === 'cancelled' && answer.status === 200) {
    await answer.until('so ')
    answer.hangUp()
  } else await answer.rest()
}

test(
  'concurrent requests never spend more than their budget, whether they disconnect, break, time out or are retried',
  { timeout: 60_000 },
  async () => {
    await using broker = await brokerBefore([{ script: worst }, { script: worst }], {
      env: { AIBROKER_HANGUP: 'cut' },
    })
    const { ledger } = broker.daemon.rooms
    let nth = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 5, maxLength: 30 }),
        fc.integer({ min: 300_000, max: 5_000_000 }),
        async (requests, nano) => {
          const context = `run-${nth++}`
          const most = money(BigInt(nano))
          const params = { subject: { scope: 'context', context }, rule: { usd_total: formatDollars(most) } }
          const body = { jsonrpc: '2.0', id: 1, method: 'limits.set', params }
          await ask({ socketPath: broker.daemon.sockets.rpc, method: 'POST', path: '/rpc', body })
          // The highest sum of spent and held amounts during the run, sampled every millisecond.
          let highest = 0n
          const watching = setInterval(() => {
            const { spent, held } = ledger.balance({ ip: 'local', context })
            if (spent + held > highest) highest = spent + held
          }, 1)
          await Promise.all(requests.map((one) => act(broker, context, one))).finally(() =>
            clearInterval(watching),
          )
          broker.skip(130_000)
          await broker.entry().catch(() => undefined)
          const rows = [...ledger.entries({ context })]
          const spent = rows.reduce((sum, { cost, costHigh }) => sum + (cost ?? costHigh ?? 0n), 0n)
          expect(spent).toBeLessThanOrEqual(most)
          expect(highest).toBeLessThanOrEqual(most)
          expect(ledger.balance({ ip: 'local', context })).toEqual({ spent, held: 0n })
        },
      ),
      { numRuns: 12, endOnFailure: true },
    )
    expect([...ledger.entries({})].some(({ status }) => status === 'finished')).toBe(true)
  },
)

test('an attempt that may be billed without a response prevents a fallback that the budget does not cover', async () => {
  const silent: readonly Step[] = [cut]
  await using broker = await brokerBefore([{ script: silent }, { script: worst }])
  const { ledger } = broker.daemon.rooms
  const told = async (budget: string) => {
    const context = `with-${budget}`
    const params = { subject: { scope: 'context', context }, rule: { usd_total: budget } }
    const body = { jsonrpc: '2.0', id: 1, method: 'limits.set', params }
    await ask({ socketPath: broker.daemon.sockets.rpc, method: 'POST', path: '/rpc', body })
    broker.skip(200_000)
    const messages = [{ role: 'user', content: 'plain' }]
    const { status } = await broker.ask({ max_tokens: 200, messages }, { 'x-hero-context': context })
    const entry = await broker.entry()
    return {
      status,
      asked: entry.asked,
      high: entry.costHigh,
      left: dollars(budget) - ledger.balance(entry.caller).spent,
    }
  }
  // At $2 per million, 200 tokens and the prompt cost a little more than $0.0006.
  const tight = await told('0.001')
  expect(tight).toMatchObject({ status: 502, asked: 1 })
  expect(tight.left).toBeGreaterThan(0n)
  const wide = await told('0.01')
  expect(wide).toMatchObject({ status: 200, asked: 2 })
})
