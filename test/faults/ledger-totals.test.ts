// The sum of the ledger rows equals the totals that every API reports.
import * as fc from 'fast-check'
import { callerKey } from '../../src/auth/caller.ts'
import { expect, test } from 'vitest'
import { usdNumber, usdText, money } from '../../src/base/money.ts'
import type { Entry } from '../../src/ledger/types.ts'
import { sendRequest, openResponse } from '../support/open-request.ts'
import {
  chatChunk,
  cut,
  json,
  sse,
  stall,
  type ReceivedRequest,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from './broker-with-providers.ts'
import { answers, refuses, role, says } from './scripts.ts'

/** How a request ends; its prompt selects the provider's script. */
const OUTCOMES: Readonly<Record<string, readonly Step[]>> = {
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
  return OUTCOMES[messages?.[0]?.content ?? input ?? ''] ?? []
}

interface RequestCase {
  readonly outcome: string
  readonly model: 'priced' | 'unpriced'
  readonly address: string | undefined
  readonly context: string | undefined
  /** Index of the token that the request presents. */
  readonly token: number
}

const requestCase: fc.Arbitrary<RequestCase> = fc.record({
  outcome: fc.constantFrom(...Object.keys(OUTCOMES)),
  model: fc.constantFrom('priced', 'priced', 'unpriced'),
  address: fc.constantFrom(undefined, '10.0.0.7', 'fc00::7'),
  context: fc.constantFrom(undefined, 'lab', 'bound'),
  token: fc.nat(2),
})

interface LedgerSetup {
  readonly broker: BrokerWithProviders
  /** No token, a token without a rule, a token with a budget. */
  readonly tokens: readonly ({ readonly id: string; readonly token: string } | undefined)[]
}

async function open(): Promise<LedgerSetup & AsyncDisposable> {
  const embeds = ['embedding']
  const broker = await startBrokerWithProviders(
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
  ] as LedgerSetup['tokens']
  return { broker, tokens, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

function rpcOf({ daemon }: BrokerWithProviders) {
  return async (method: string, params: object = {}): Promise<unknown> => {
    const body = { jsonrpc: '2.0', id: 1, method, params }
    const { json } = await sendRequest({ socketPath: daemon.sockets.rpc, method: 'POST', path: '/rpc', body })
    return (json as { result: unknown }).result
  }
}

function headersOf(
  { address, context, token }: RequestCase,
  { tokens }: LedgerSetup,
): Record<string, string> {
  const shown = tokens[token]?.token
  return {
    ...(address === undefined ? {} : { 'x-forwarded-for': address }),
    ...(context === undefined ? {} : { 'x-hero-context': context }),
    ...(shown === undefined ? {} : { authorization: `Bearer ${shown}` }),
  }
}

/** Sends a request and waits until its response has ended in whatever way. */
async function sendOne(requestCase: RequestCase, setup: LedgerSetup): Promise<void> {
  const { outcome, model } = requestCase
  const socketPath = setup.broker.daemon.sockets.rest
  const headers = headersOf(requestCase, setup)
  const isEmbedding = outcome === 'embedding'
  const body = isEmbedding
    ? { model: model === 'priced' ? 'embeds' : 'embeds-unpriced', input: outcome }
    : {
        model,
        messages: [{ role: 'user', content: outcome }],
        max_tokens: 1000,
        stream: /stream|cancelled|broken/.test(outcome),
      }
  const path = isEmbedding ? '/v1/embeddings' : '/v1/chat/completions'
  const response = await openResponse({ socketPath, method: 'POST', path, headers, body })
  if (outcome === 'cancelled' && response.status === 200) {
    await response.until('hel')
    response.hangUp()
  } else await response.rest()
}

/** The amount by which these entries reduce a balance, in dollars. */
function spent(entries: readonly Entry[]): number {
  return usdNumber(money(entries.reduce((sum, { cost, costHigh }) => sum + (costHigh ?? cost ?? 0n), 0n)))
}

function totals(entries: readonly Entry[]): object {
  const sum = (of: (entry: Entry) => bigint | number | undefined): bigint =>
    entries.reduce((total, entry) => total + BigInt(of(entry) ?? 0), 0n)
  return {
    requests: entries.length,
    prompt_tokens: Number(sum(({ usage }) => usage?.prompt)),
    completion_tokens: Number(sum(({ usage }) => usage?.completion)),
    cost_usd: usdText(money(sum(({ cost }) => cost))),
    uncertain_usd: usdText(money(sum(({ cost = 0n, costHigh = cost }) => costHigh - cost))),
    unpriced: entries.filter(({ cost, costHigh }) => cost === undefined && costHigh === undefined).length,
  }
}

function by(entries: readonly Entry[], name: (entry: Entry) => string): Record<string, object> {
  const groups = Map.groupBy(entries, name)
  return Object.fromEntries([...groups].map(([key, own]) => [key, totals(own)]))
}

async function expectTotalsAgree(setup: LedgerSetup): Promise<void> {
  const { broker, tokens } = setup
  await broker.entry()
  const { ledger } = broker.daemon.services
  const rows = [...ledger.entries({})]
  const socketPath = broker.daemon.sockets.rest
  const get = async (path: string, headers = {}): Promise<Record<string, unknown>> =>
    (await sendRequest({ socketPath, method: 'GET', path, headers })).json as Record<string, unknown>
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
      by(own, ({ model, requestedModel }) => model ?? requestedModel),
    )
  }
  expect(keyed(await rpc('usage.by_token'), 'token')).toMatchObject(
    by(rows, ({ caller }) => caller.token ?? ''),
  )
  expect(await rpc('usage.summary')).toMatchObject({ totals: totals(rows) })
  const csv = await sendRequest({ socketPath, method: 'GET', path: '/billing/export.csv' })
  expect(csv.text.trim().split('\r\n')).toHaveLength(rows.length + 1)

  for (const own of Map.groupBy(rows, ({ caller }) => callerKey(caller)).values()) {
    const { ip, context, token } = own[0]?.caller ?? { ip: '', context: undefined }
    const shown = tokens.find((each) => each?.id === token)
    const headers = {
      ...(ip === 'local' ? {} : { 'x-forwarded-for': ip }),
      ...(context && { 'x-hero-context': context }),
      ...(token === undefined ? {} : { authorization: `Bearer ${shown?.token}` }),
    }
    expect((await get('/v1/key', headers))['data']).toMatchObject({ usage: spent(own) })
    const { total_credits, total_usage } = (await get('/v1/credits', headers))['data'] as Record<
      string,
      number
    >
    expect(total_usage).toBe(spent(own))
    // The budget of a context is shared by its tokens, that of the token `tight` by all its addresses and contexts.
    const ofContext = rows.filter(({ caller }) => caller.ip === ip && caller.context === context)
    const ofToken = rows.filter(({ caller }) => caller.token === token)
    const remaining = [
      ...(context === 'bound' ? [0.3 - spent(ofContext)] : []),
      ...(token !== undefined && token === tokens[2]?.id ? [0.5 - spent(ofToken)] : []),
    ]
    const left = remaining.length === 0 ? 0 : Math.max(0, Math.min(...remaining))
    expect(total_credits).toBeCloseTo(spent(own) + left, 9)
  }
  expect(await rpc('ledger.verify')).toMatchObject({ rows: rows.length })
  expect(ledger.openHolds()).toEqual([])
}

test(
  'the sum of the rows equals the totals of billing, usage, key and credits, however the requests ended',
  { timeout: 60_000 },
  async () => {
    await using setup = await open()
    const anonymous = { address: undefined, context: undefined, token: 0 } as const
    for (const outcome of Object.keys(OUTCOMES))
      await sendOne({ outcome, model: 'priced', ...anonymous }, setup)
    await fc.assert(
      fc.asyncProperty(fc.array(requestCase, { minLength: 4, maxLength: 12 }), async (cases) => {
        await Promise.all(cases.map((requestCase) => sendOne(requestCase, setup)))
        // Skip the cooldowns, so that providers that just failed are tried again.
        setup.broker.skip(130_000)
        await expectTotalsAgree(setup)
      }),
      { numRuns: 8 },
    )
    const statuses = new Set([...setup.broker.daemon.services.ledger.entries({})].map(({ status }) => status))
    expect([...statuses].sort()).toEqual(
      expect.arrayContaining(['broken', 'cancelled', 'failed', 'finished']),
    )
  },
)
