// The sum of the ledger rows equals the totals that every API reports.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dollarsNumber, formatDollars, money } from '../../src/base/money.ts'
import type { Entry } from '../../src/ledger/types.ts'
import { ask, openAsk } from '../support/open-request.ts'
import {
  chatChunk,
  cut,
  json,
  sse,
  stall,
  type ReceivedRequest,
  type Step,
} from '../support/scripted-upstream.ts'
import { brokerBefore, type BrokerBefore } from './broker-with-providers.ts'
import { answers, refuses, role, says } from './scripts.ts'

/** How a request ends; its prompt selects the provider's script. */
const FATES: Readonly<Record<string, readonly Step[]>> = {
  plain: answers('hello'),
  stream: says('hel', 'lo'),
  cancelled: [sse(role, chatChunk('hel')), stall],
  broken: [sse(role, chatChunk('hel')), cut],
  silent: [cut],
  failed: refuses(500),
  embedding: [
    json(200, {
      object: 'list',
      data: [{ index: 0, embedding: [0.5] }],
      usage: { prompt_tokens: 7, total_tokens: 7 },
    }),
  ],
}

function script({ body }: ReceivedRequest): readonly Step[] {
  const { messages, input } = body as { messages?: { content: string }[]; input?: string }
  return FATES[messages?.[0]?.content ?? input ?? ''] ?? []
}

interface Wish {
  readonly fate: string
  readonly model: 'priced' | 'unpriced'
  readonly address: string | undefined
  readonly context: string | undefined
  /** Index of the token that the request presents. */
  readonly token: number
}

const wish: fc.Arbitrary<Wish> = fc.record({
  fate: fc.constantFrom(...Object.keys(FATES)),
  model: fc.constantFrom('priced', 'priced', 'unpriced'),
  address: fc.constantFrom(undefined, '10.0.0.7', 'fc00::7'),
  context: fc.constantFrom(undefined, 'lab', 'bound'),
  token: fc.nat(2),
})

interface Books {
  readonly broker: BrokerBefore
  /** No token, a token without a rule, a token with a budget. */
  readonly tokens: readonly ({ readonly id: string; readonly token: string } | undefined)[]
}

async function open(): Promise<Books & AsyncDisposable> {
  const embeds = ['embedding']
  const broker = await brokerBefore(
    [
      { script, model: 'priced' },
      { script, model: 'unpriced', price: '' },
      { script, model: 'embeds', capabilities: embeds },
      { script, model: 'embeds-unpriced', capabilities: embeds, price: '' },
    ],
    { env: { AIBROKER_HANGUP: 'cut' } },
  )
  const rpc = rpcOf(broker)
  await rpc('limits.set', { subject: { scope: 'context', context: 'bound' }, rule: { usd_total: '0.3' } })
  const tokens = [
    undefined,
    await rpc('tokens.create', { label: 'free' }),
    await rpc('tokens.create', { label: 'tight', rule: { usd_total: '0.5', allow_unpriced: true } }),
  ] as Books['tokens']
  return { broker, tokens, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

function rpcOf({ daemon }: BrokerBefore) {
  return async (method: string, params: object = {}): Promise<unknown> => {
    const body = { jsonrpc: '2.0', id: 1, method, params }
    const { json } = await ask({ socketPath: daemon.sockets.rpc, method: 'POST', path: '/rpc', body })
    return (json as { result: unknown }).result
  }
}

function headersOf({ address, context, token }: Wish, { tokens }: Books): Record<string, string> {
  const shown = tokens[token]?.token
  return {
    ...(address === undefined ? {} : { 'x-forwarded-for': address }),
    ...(context === undefined ? {} : { 'x-hero-context': context }),
    ...(shown === undefined ? {} : { authorization: `Bearer ${shown}` }),
  }
}

/** Sends a request and waits until its response has ended in whatever way. */
async function act(wish: Wish, books: Books): Promise<void> {
  const { fate, model } = wish
  const socketPath = books.broker.daemon.sockets.rest
  const headers = headersOf(wish, books)
  const isEmbedding = fate === 'embedding'
  const body = isEmbedding
    ? { model: model === 'priced' ? 'embeds' : 'embeds-unpriced', input: fate }
    : {
        model,
        messages: [{ role: 'user', content: fate }],
        max_tokens: 1000,
        stream: /stream|cancelled|broken/.test(fate),
      }
  const path = isEmbedding ? '/v1/embeddings' : '/v1/chat/completions'
  const answer = await openAsk({ socketPath, method: 'POST', path, headers, body })
  if (fate === 'cancelled' && answer.status === 200) {
    await answer.until('hel')
    answer.hangUp()
  } else await answer.rest()
}

/** The amount by which these entries reduce a balance, in dollars. */
function spent(entries: readonly Entry[]): number {
  return dollarsNumber(money(entries.reduce((sum, { cost, costHigh }) => sum + (cost ?? costHigh ?? 0n), 0n)))
}

function totals(entries: readonly Entry[]): object {
  const sum = (of: (entry: Entry) => bigint | number | undefined): bigint =>
    entries.reduce((total, entry) => total + BigInt(of(entry) ?? 0), 0n)
  return {
    requests: entries.length,
    prompt_tokens: Number(sum(({ usage }) => usage?.prompt)),
    completion_tokens: Number(sum(({ usage }) => usage?.completion)),
    cost_usd: formatDollars(money(sum(({ cost }) => cost))),
    uncertain_usd: formatDollars(money(sum(({ cost, costHigh }) => (cost === undefined ? costHigh : 0n)))),
    unpriced: entries.filter(({ cost, costHigh }) => cost === undefined && costHigh === undefined).length,
  }
}

function by(entries: readonly Entry[], name: (entry: Entry) => string): Record<string, object> {
  const groups = Map.groupBy(entries, name)
  return Object.fromEntries([...groups].map(([key, own]) => [key, totals(own)]))
}

async function expectBooksAgree(books: Books): Promise<void> {
  const { broker, tokens } = books
  await broker.entry()
  const { ledger } = broker.daemon.rooms
  const rows = [...ledger.entries({})]
  const socketPath = broker.daemon.sockets.rest
  const get = async (path: string, headers = {}): Promise<Record<string, unknown>> =>
    (await ask({ socketPath, method: 'GET', path, headers })).json as Record<string, unknown>
  const rpc = rpcOf(broker)
  const keyed = (list: unknown, name: string): Record<string, unknown> =>
    Object.fromEntries((list as Record<string, string | null>[]).map((row) => [row[name] ?? '', row]))

  const { addresses } = await get('/billing/usage')
  expect(keyed(addresses, 'ip')).toMatchObject(by(rows, ({ caller }) => caller.ip))
  for (const [ip, own] of Map.groupBy(rows, ({ caller }) => caller.ip)) {
    const billing = await get(`/billing/usage/${encodeURIComponent(ip)}`)
    expect(billing).toMatchObject(totals(own))
    expect(keyed(billing['contexts'], 'context')).toMatchObject(by(own, ({ caller }) => caller.context ?? ''))
    expect(keyed(billing['models'], 'model')).toMatchObject(
      by(own, ({ model, modelAsked }) => model ?? modelAsked),
    )
  }
  expect(keyed(await rpc('usage.by_token'), 'token')).toMatchObject(
    by(rows, ({ caller }) => caller.token ?? ''),
  )
  expect(await rpc('usage.summary')).toMatchObject({ totals: totals(rows) })
  const csv = await ask({ socketPath, method: 'GET', path: '/billing/export.csv' })
  expect(csv.text.trim().split('\r\n')).toHaveLength(rows.length + 1)

  const payers = Map.groupBy(rows, ({ caller }) => `${caller.ip} ${caller.context ?? ''}`)
  for (const own of payers.values()) {
    const { ip, context } = own[0]?.caller ?? { ip: '', context: undefined }
    const headers = {
      ...(ip === 'local' ? {} : { 'x-forwarded-for': ip }),
      ...(context && { 'x-hero-context': context }),
    }
    expect((await get('/v1/key', headers))['data']).toMatchObject({ usage: spent(own) })
    const { total_credits, total_usage } = (await get('/v1/credits', headers))['data'] as Record<
      string,
      number
    >
    expect(total_usage).toBe(spent(own))
    const left = ledger.balance({ ip, context }).held === 0n && context === 'bound' ? 0.3 - spent(own) : 0
    expect(total_credits).toBeCloseTo(spent(own) + Math.max(0, left), 9)
  }
  for (const shown of tokens) {
    if (shown === undefined) continue
    const own = rows.filter(({ caller }) => caller.token === shown.id)
    const headers = { authorization: `Bearer ${shown.token}` }
    expect((await get('/v1/key', headers))['data']).toMatchObject({ usage: spent(own) })
  }
  expect(await rpc('ledger.verify')).toMatchObject({ rows: rows.length })
  expect(ledger.openHolds()).toEqual([])
}

test(
  'the sum of the rows equals the totals of billing, usage, key and credits, however the requests ended',
  { timeout: 60_000 },
  async () => {
    await using books = await open()
    const nobody = { address: undefined, context: undefined, token: 0 } as const
    for (const fate of Object.keys(FATES)) await act({ fate, model: 'priced', ...nobody }, books)
    await fc.assert(
      fc.asyncProperty(fc.array(wish, { minLength: 4, maxLength: 12 }), async (wishes) => {
        await Promise.all(wishes.map((wish) => act(wish, books)))
        // Skip the cooldowns, so that providers that just failed are tried again.
        books.broker.skip(130_000)
        await expectBooksAgree(books)
      }),
      { numRuns: 8 },
    )
    const statuses = new Set([...books.broker.daemon.rooms.ledger.entries({})].map(({ status }) => status))
    expect([...statuses].sort()).toEqual(
      expect.arrayContaining(['broken', 'cancelled', 'failed', 'finished']),
    )
  },
)
