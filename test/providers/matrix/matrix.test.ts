// Every built-in provider in its own words: what it is sent, what the caller gets, what is booked, what is tried next.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KNOWN_PROVIDERS } from '../../../src/providers/definitions/index.ts'
import type { Entry } from '../../../src/ledger/types.ts'
import type { ProviderDefinition } from '../../../src/providers/provider.ts'
import { startBrokerWithProviders, type BrokerWithProviders } from '../../faults/broker-with-providers.ts'
import { answers } from '../../faults/scripts.ts'
import { openResponse, sendRequest } from '../../support/open-request.ts'
import {
  chatChunk,
  finishChunk,
  json,
  sse,
  usageChunk,
  wait,
  done,
  type ReceivedRequest,
  type Step,
} from '../../support/scripted-upstream.ts'
import { plain, refusal, streamed, wireOf, type ErrorName, type Wire } from './wire.ts'

test('every built-in provider has its wire, and every wire its provider', () => {
  const vendors = readdirSync(join(import.meta.dirname, '../../golden/providers')).toSorted()
  expect(vendors).toEqual(KNOWN_PROVIDERS.map(({ id }) => id).toSorted())
})

const KEYS = ['key-one', 'key-two']
const TOOLS = ['weather', 'time'].map((name) => ({
  type: 'function',
  function: {
    name,
    description: name,
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}))
const SCHEMA = {
  type: 'json_schema',
  json_schema: {
    name: 'a',
    strict: true,
    schema: { type: 'object', properties: { a: { type: 'integer' } } },
  },
}
const IMAGE = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }

/** The codes that an attempt with each refusal is recorded with. */
const CODES: Readonly<Record<ErrorName, readonly string[]>> = {
  rateLimit: ['upstream-busy'],
  server: ['upstream-failed', 'upstream-busy', 'upstream-down'],
  account: ['upstream-denied'],
  tooLong: ['context-too-long'],
}

// A provider of another protocol has tests of its own, since these wires are chat completions.
const CHATS = KNOWN_PROVIDERS.filter(
  ({ id, protocol = 'openai-chat' }) => wireOf(id).kind === undefined && protocol === 'openai-chat',
)
const EMBEDDINGS = KNOWN_PROVIDERS.filter(({ id }) => wireOf(id).kind === 'embedding')

/** One vendor with two keys, and a spare provider behind it. */
class Vendor {
  readonly definition: ProviderDefinition
  readonly wire: Wire
  broker!: BrokerWithProviders
  /** What the vendor does with the next requests. */
  script: (request: ReceivedRequest) => readonly Step[] = () => []

  constructor(definition: ProviderDefinition) {
    this.definition = definition
    this.wire = wireOf(definition.id)
  }

  async start(): Promise<void> {
    this.broker = await startBrokerWithProviders(
      [
        {
          name: this.definition.id,
          script: (request) => this.script(request),
          keys: KEYS,
          capabilities: ['tool_calling', 'vision', 'reasoning'],
        },
        { script: (request) => spare(request), contextWindow: 1_000_000 },
      ],
      {
        ...(this.wire.kind === undefined ? {} : { modelLine: 'kind: embedding' }),
        // The pauses before retries are short here; timeouts are not.
        timerMs: (ms) => (ms <= 5_000 ? Math.min(ms, 10) : ms),
      },
    )
  }

  /** The requests that the vendor got since `from`. */
  got(from = 0): readonly ReceivedRequest[] {
    return this.broker.upstreams[0]?.requests.slice(from) ?? []
  }

  /** A day later it responds again, first while it is tested beside the spare, then alone. */
  async recover(): Promise<void> {
    this.broker.skip(24 * 3_600_000)
    for (let tried = 0; tried < 20; tried++) {
      const { entry } = await this.ask({}, () => plain(this.wire, { content: 'hello' }))
      if (entry.endpoint === `${this.definition.id}/m0` && entry.attempts.length === 0) return
    }
    throw new Error(`${this.definition.id} did not recover`)
  }

  async ask(body: object, script: Vendor['script']) {
    this.script = script
    const from = this.got().length
    const response = await this.broker.sendChat({ max_tokens: 5000, top_k: 3, ...body })
    const [sent] = this.got(from)
    return { response, sent: sent?.body as Sent, headers: sent?.headers, entry: await this.broker.entry() }
  }
}

function spare({ body, path }: ReceivedRequest): readonly Step[] {
  if (path.endsWith('/embeddings'))
    return [
      json(200, { data: [{ index: 0, embedding: [0.5] }], usage: { prompt_tokens: 3, total_tokens: 3 } }),
    ]
  if ((body as Sent)['stream'] !== true) return answers('from the spare')
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
  return [sse(chatChunk('from the spare'), finishChunk(), usageChunk(usage), done)]
}

type Sent = Readonly<Record<string, unknown>>

/** What usage and cost the ledger has to have, at $1 and $2 per million. */
function expectBooked(entry: Entry, { usage }: Wire, definition: ProviderDefinition): void {
  expect(entry).toMatchObject({
    status: 'finished',
    endpoint: `${definition.id}/m0`,
    countSource: 'reported',
    usage: usage.counts,
    costLow: undefined,
    flag: undefined,
  })
  const { prompt = 0, completion = 0 } = usage.counts
  const computed = BigInt(prompt * 1000 + completion * 2000)
  expect(entry.cost).toBe(usage.charge === undefined ? computed : BigInt(Math.round(usage.charge * 1e9)))
}

/** What is sent of every request, by the provider's quirks. */
function expectSent(sent: Sent, { quirks = {} }: ProviderDefinition, isStream: boolean): void {
  expect(sent['model']).toBe('m0')
  const field = quirks.maxTokensField ?? 'max_tokens'
  expect(sent[field]).toBe(5000)
  expect(sent).not.toHaveProperty(field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens')
  for (const dropped of quirks.droppedFields ?? []) expect(sent).not.toHaveProperty(dropped)
  if (!isStream) return
  if (quirks.refusesStreamOptions === true) expect(sent).not.toHaveProperty('stream_options')
  else expect(sent['stream_options']).toEqual({ include_usage: true })
}

describe.each(CHATS)('$displayName', (definition) => {
  const vendor = new Vendor(definition)
  const { wire } = vendor
  beforeAll(() => vendor.start(), 60_000)
  afterAll(() => vendor.broker[Symbol.asyncDispose]())

  test('answers plainly', answersPlainly)
  test('answers in a stream', answersInAStream)
  test('calls two tools at once', callsTools)
  test('calls two tools at once in a stream', callsToolsInAStream)
  test('shows its reasoning', reasons)
  test('keeps to a schema', keepsToASchema)
  test('looks at an image', looksAtAnImage)
  test('goes on in a second turn', goesOnInASecondTurn)
  test('is disconnected or read to its end when the caller leaves', isAborted)
  test.each(Object.keys(CODES) as ErrorName[])('is replaced by the next provider after %s', isReplacedAfter)

  async function answersPlainly(): Promise<void> {
    const { response, sent, headers, entry } = await vendor.ask({}, () => plain(wire, { content: 'hello' }))
    expect(headers?.authorization).toMatch(/^Bearer key-(one|two)$/)
    expectSent(sent, definition, false)
    expect(response).toMatchObject({ status: 200, text: 'hello', finish: 'stop' })
    expectBooked(entry, wire, definition)
  }

  async function answersInAStream(): Promise<void> {
    const deltas = [{ role: 'assistant', content: 'hel' }, { content: 'lo' }]
    const { response, sent, entry } = await vendor.ask({ stream: true }, () => streamed(wire, deltas))
    expectSent(sent, definition, true)
    expect(response).toMatchObject({ status: 200, text: 'hello', finish: 'stop', isDone: true })
    expectBooked(entry, wire, definition)
  }

  async function callsTools(): Promise<void> {
    const { response, sent, entry } = await vendor.ask({ tools: TOOLS }, () =>
      plain(wire, { content: null, tool_calls: wire.calls.plain }, 'tool_calls'),
    )
    expect(sent['tools']).toEqual(TOOLS)
    expect(response).toMatchObject({ status: 200, finish: 'tool_calls' })
    expectCalls(callsIn(response.raw))
    expectBooked(entry, wire, definition)
  }

  async function callsToolsInAStream(): Promise<void> {
    const deltas = wire.calls.deltas.map((calls) => ({ tool_calls: calls }))
    const { response, entry } = await vendor.ask({ tools: TOOLS, stream: true }, () =>
      streamed(wire, deltas, 'tool_calls'),
    )
    expect(response).toMatchObject({ status: 200, finish: 'tool_calls', isDone: true })
    expectCalls(joinedCalls(response.chunks))
    expectBooked(entry, wire, definition)
  }

  async function reasons(): Promise<void> {
    const field = wire.reasoning?.field ?? 'reasoning_content'
    const deltas = [{ [field]: 'I think.' }, { content: 'hello' }]
    const { response, entry } = await vendor.ask({ stream: true, reasoning_effort: 'low' }, () =>
      streamed(wire, deltas),
    )
    expect(response).toMatchObject({ status: 200, text: 'hello', isDone: true })
    expect(response.raw).toContain('I think.')
    expectBooked(entry, wire, definition)
  }

  async function keepsToASchema(): Promise<void> {
    const messages = [{ role: 'user', content: 'Answer in JSON.' }]
    const { response, sent } = await vendor.ask({ response_format: SCHEMA, messages }, () =>
      plain(wire, { content: '{"a":1}' }),
    )
    expect(sent).toHaveProperty('response_format')
    expect(JSON.parse(response.text)).toEqual({ a: 1 })
  }

  async function looksAtAnImage(): Promise<void> {
    const content = [{ type: 'text', text: 'What is this?' }, IMAGE]
    const { response, sent } = await vendor.ask({ messages: [{ role: 'user', content }] }, () =>
      plain(wire, { content: 'a cat' }),
    )
    expect(JSON.stringify(sent['messages'])).toContain(IMAGE.image_url.url)
    expect(response.text).toBe('a cat')
  }

  async function goesOnInASecondTurn(): Promise<void> {
    const first = await vendor.ask({ tools: TOOLS }, () =>
      plain(wire, { content: null, tool_calls: wire.calls.plain }, 'tool_calls'),
    )
    const message = (JSON.parse(first.response.raw) as { choices: { message: object }[] }).choices[0]?.message
    const calls = callsIn(first.response.raw)
    const results = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'sunny' }))
    const messages = [{ role: 'user', content: 'hi' }, message, ...results]
    const { response, sent } = await vendor.ask({ messages, tools: TOOLS }, () =>
      plain(wire, { content: 'sunny' }),
    )
    expect(response).toMatchObject({ status: 200, text: 'sunny' })
    const history = sent['messages'] as readonly {
      readonly tool_calls?: readonly { readonly id: string }[]
      readonly tool_call_id?: string
    }[]
    const ids = history.flatMap(({ tool_calls: made }) => made ?? []).map(({ id }) => id)
    expect(history.flatMap(({ tool_call_id: id }) => id ?? [])).toEqual(ids)
    expect(new Set(ids).size).toBe(2)
  }

  /** Where an abort stops the billing the provider is disconnected, otherwise it is read to its end. */
  async function isAborted(): Promise<void> {
    const rest = Promise.withResolvers<void>()
    vendor.script = () => [sse(chatChunk('one')), wait(rest.promise), ...streamed(wire, [{ content: 'two' }])]
    const from = vendor.got().length
    const open = await openResponse({
      socketPath: vendor.broker.daemon.sockets.rest,
      method: 'POST',
      path: '/v1/chat/completions',
      body: { model: 'm', messages: [{ role: 'user', content: 'hi' }], stream: true },
    })
    await open.until('one')
    open.hangUp()
    // Once another request has its response, the broker has noticed that the caller left.
    await vendor.broker.rpc('info')
    const sent = await vendor.broker.upstreams[0]?.received(from)
    if (!definition.abortStopsBilling) rest.resolve()
    expect(await sent?.closed).toBe(definition.abortStopsBilling ? 'hung-up' : 'answered')
    rest.resolve()
    const entry = await vendor.broker.entry()
    expect(entry.status).toBe('cancelled')
    if (definition.abortStopsBilling) expect(entry.countSource).not.toBe('reported')
    else expect(entry).toMatchObject({ countSource: 'reported', usage: wire.usage.counts })
  }

  async function isReplacedAfter(name: ErrorName): Promise<void> {
    const from = vendor.got().length
    const { response, entry } = await vendor.ask({}, () => refusal(wire.errors[name]))
    const label = `${definition.id} ${name}`
    expect(response, label).toMatchObject({ status: 200, text: 'from the spare' })
    const codes = entry.attempts.map(({ code }) => code)
    expect(codes, label).not.toEqual([])
    for (const code of codes) expect(CODES[name], label).toContain(code)
    // The second key may work where the first one's account is in trouble or limited.
    if (name === 'account') {
      const keys = vendor.got(from).map(({ headers }) => headers.authorization)
      expect(new Set(keys).size, label).toBe(2)
    }
    // Only the spare is paid.
    if (name !== 'server')
      expect(entry, label).toMatchObject({ endpoint: 'up1/m1', cost: 20_000n, costHigh: undefined })
    await vendor.recover()
    const alone = await vendor.ask({ provider: { allow_fallbacks: false } }, () => refusal(wire.errors[name]))
    const said = alone.response.error?.message ?? ''
    expect(
      wordsIn(wire.errors[name].body).some((words) => said.includes(words)),
      `${label}: ${said}`,
    ).toBe(true)
    await vendor.recover()
  }
})

/** The sentences of an error in whatever shape. */
function wordsIn(body: unknown): readonly string[] {
  if (typeof body === 'string')
    return body.includes('<') ? [/<title>(.*)<\/title>/.exec(body)?.[1] ?? body] : [body]
  if (typeof body !== 'object' || body === null) return []
  const values = Object.entries(body).filter(([name]) => name !== 'raw' && name !== 'source')
  return values.flatMap(([, value]) => wordsIn(value)).filter((words) => words.length > 7)
}

interface Call {
  readonly id: string
  readonly type: string
  readonly function: { readonly name: string; readonly arguments: string }
}

function callsIn(text: string): readonly Call[] {
  const { choices } = JSON.parse(text) as { choices: readonly { message: { tool_calls: readonly Call[] } }[] }
  return choices[0]?.message.tool_calls ?? []
}

/** What a client that goes by indexes makes of a stream. */
function joinedCalls(chunks: readonly object[]): readonly Call[] {
  const calls: { id: string; type: string; function: { name: string; arguments: string } }[] = []
  const deltas = (chunks as readonly { choices?: readonly { delta?: { tool_calls?: readonly Piece[] } }[] }[])
    .flatMap(({ choices = [] }) => choices)
    .flatMap(({ delta }) => delta?.tool_calls ?? [])
  for (const { index, id, type, function: piece } of deltas) {
    const call = (calls[index] ??= { id: '', type: '', function: { name: '', arguments: '' } })
    call.id ||= id ?? ''
    call.type ||= type ?? ''
    call.function.name += piece?.name ?? ''
    call.function.arguments += piece?.arguments ?? ''
  }
  return calls
}

interface Piece {
  readonly index: number
  readonly id?: string
  readonly type?: string
  readonly function?: { readonly name?: string; readonly arguments?: string }
}

function expectCalls(calls: readonly Call[]): void {
  expect(calls.map(({ function: { name } }) => name)).toEqual(['weather', 'time'])
  expect(calls.map(({ function: { arguments: text } }) => JSON.parse(text) as unknown)).toEqual([
    { city: 'Ghent' },
    { city: 'Cairo' },
  ])
  expect(calls.map(({ type }) => type)).toEqual(['function', 'function'])
  expect(calls.every(({ id }) => id !== '')).toBe(true)
  expect(new Set(calls.map(({ id }) => id)).size).toBe(2)
}

describe.each(EMBEDDINGS)('$displayName', (definition) => {
  const vendor = new Vendor(definition)
  const { wire } = vendor
  beforeAll(() => vendor.start(), 60_000)
  afterAll(() => vendor.broker[Symbol.asyncDispose]())

  async function embed(script: Vendor['script']) {
    vendor.script = script
    const socketPath = vendor.broker.daemon.sockets.rest
    const body = { model: 'm', input: 'hello' }
    const response = await sendRequest({ socketPath, method: 'POST', path: '/v1/embeddings', body })
    return { response, entry: await vendor.broker.entry() }
  }

  test('embeds', async () => {
    const vector = { object: 'embedding', index: 0, embedding: [0.25] }
    const list = { object: 'list', data: [vector], usage: wire.usage.object }
    const { response, entry } = await embed(() => [json(200, list)])
    expect(response.json).toMatchObject({ data: [{ embedding: [0.25] }] })
    expect(entry).toMatchObject({ countSource: 'reported', usage: wire.usage.counts, cost: 7000n })
  })

  test.each(Object.keys(CODES) as ErrorName[])('is replaced by the next provider after %s', async (name) => {
    const { response, entry } = await embed(() => refusal(wire.errors[name]))
    expect(response).toMatchObject({ status: 200, json: { data: [{ embedding: [0.5] }] } })
    for (const { code } of entry.attempts) expect(CODES[name]).toContain(code)
    expect(entry.attempts).not.toEqual([])
    vendor.broker.skip(24 * 3_600_000)
  })
})
