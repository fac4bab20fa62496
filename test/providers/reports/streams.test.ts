// Public reports of streams that gateways and clients misread, replayed: tool calls, ends, usage.
import { describe, expect, test } from 'vitest'
import { startBrokerWithProviders } from '../../faults/broker-with-providers.ts'
import {
  chatChunk,
  done,
  finishChunk,
  json,
  raw,
  sse,
  usageChunk,
  type Step,
} from '../../support/scripted-upstream.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const TOOLS = ['read', 'list'].map((name) => ({ type: 'function', function: { name } }))

interface Call {
  readonly id?: string
  readonly name: string
  readonly arguments: string
}

interface Piece {
  readonly index: number
  readonly id?: string
  readonly function?: { readonly name?: string; readonly arguments?: string }
}

/** What a client that goes by indexes makes of the chunks of a stream, or of a plain response. */
function callsIn(chunks: readonly object[]): readonly Call[] {
  const calls: { id: string; name: string; arguments: string }[] = []
  for (const { choices = [] } of chunks as readonly {
    choices?: readonly Record<'delta' | 'message', { tool_calls?: readonly Piece[] } | undefined>[]
  }[])
    for (const { delta, message } of choices)
      for (const [at, { index = at, id, function: piece }] of (
        (delta ?? message)?.tool_calls ?? []
      ).entries()) {
        const call = (calls[index] ??= { id: '', name: '', arguments: '' })
        call.id ||= id ?? ''
        call.name += piece?.name ?? ''
        call.arguments += piece?.arguments ?? ''
      }
  expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length)
  return calls.map(({ name, arguments: text }) => ({ name, arguments: text }))
}

const pieces = (...calls: readonly object[]) =>
  chatChunk('', { choices: [{ index: 0, delta: { tool_calls: calls } }] })
const ended = [finishChunk('tool_calls'), usageChunk(USAGE), done]
const A_AND_B = [
  { name: 'read', arguments: '{"path":"a"}' },
  { name: 'read', arguments: '{"path":"b"}' },
]
const read = (id: string | undefined, text: string) => ({
  ...(id === undefined ? {} : { id }),
  type: 'function',
  function: { name: 'read', arguments: text },
})
const rest = (text: string, more: object = {}) => ({ ...more, function: { arguments: text } })

const CALLS: Readonly<Record<string, readonly [stream: readonly unknown[], calls?: readonly Call[]]>> = {
  'https://github.com/apache/maka/issues/1976 (two calls under one index)': [
    [pieces({ index: 0, ...read('a', '{"path":"a"}') }), pieces({ index: 0, ...read('b', '{"path":"b"}') })],
  ],
  'https://github.com/LibreChat-AI/agents/pull/260 (siblings under one index, arguments in fragments)': [
    [
      pieces({ index: 0, ...read('a', '') }),
      pieces(rest('{"path":', { index: 0 })),
      pieces(rest('"a"}', { index: 0 })),
      pieces({ index: 0, ...read('b', '') }),
      pieces(rest('{"path":', { index: 0 })),
      pieces(rest('"b"}', { index: 0 })),
    ],
  ],
  'https://github.com/SamSaffron/term-llm/pull/314 (no index, fragments with ids)': [
    [
      pieces(read('a', '{"path":'), read('b', '{"path":')),
      pieces(rest('"a"}', { id: 'a' }), rest('"b"}', { id: 'b' })),
    ],
  ],
  'https://github.com/jin-bo/agentao/pull/117 (some pieces with an index, some without)': [
    [
      pieces({ index: 0, ...read('a', '{"path":') }),
      pieces(rest('"a"}')),
      pieces(read('b', '{"path":')),
      pieces(rest('"b"}')),
    ],
  ],
  'https://github.com/ollama/ollama/issues/7881 (whole calls without indexes in one chunk)': [
    [pieces(read('a', '{"path":"a"}'), read('b', '{"path":"b"}'))],
  ],
  'https://github.com/BerriAI/litellm/issues/40582 (several objects in one call)': [
    [pieces({ index: 0, ...read('a', '{"path":"a"}{"path":"b"}') })],
  ],
  'https://github.com/BerriAI/litellm/issues/40582 (several objects in one call, in fragments)': [
    [
      pieces({ index: 0, ...read('a', '{"path":') }),
      pieces(rest('"a"}{"pa', { index: 0 })),
      pieces(rest('th":"b"}', { index: 0 })),
    ],
  ],
  'https://github.com/BerriAI/litellm/issues/5063 (no arguments)': [
    [pieces({ index: 0, ...read('a', '') })],
    [{ name: 'read', arguments: '{}' }],
  ],
  'https://github.com/BerriAI/litellm/pull/24095 (arguments as objects, no ids)': [
    [
      pieces(
        { function: { name: 'read', arguments: { path: 'a' } } },
        { function: { name: 'read', arguments: { path: 'b' } } },
      ),
    ],
  ],
  'https://github.com/su-kaka/gcli2api/pull/406 (one index, one call in each chunk, no ids)': [
    [
      pieces({ index: 0, ...read(undefined, '{"path":"a"}') }),
      pieces({ index: 0, ...read(undefined, '{"path":"b"}') }),
    ],
  ],
}

describe.each(Object.entries(CALLS))('%s', (_source, [stream, calls = A_AND_B]) => {
  test('is read as what the model called', async () => {
    await using broker = await startBrokerWithProviders([{ script: [sse(...stream, ...ended)] }])
    const response = await broker.sendChat({ stream: true, tools: TOOLS })
    expect(callsIn(response.chunks)).toEqual(calls)
    expect(response).toMatchObject({ finish: 'tool_calls', isDone: true })
  })
})

test('https://github.com/BerriAI/litellm/issues/40582 (in a plain response)', async () => {
  const message = { role: 'assistant', content: null, tool_calls: [read('a', '{"path":"a"}{"path":"b"}')] }
  const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
  await using broker = await startBrokerWithProviders([{ script: [json(200, { choices, usage: USAGE })] }])
  expect(callsIn((await broker.sendChat({ tools: TOOLS })).chunks)).toEqual(A_AND_B)
})

const bare = (body: object): Step[] => [json(200, body)]
const message = { role: 'assistant', content: 'Hello' }

test.each<[string, Step[]]>([
  [
    'https://github.com/PowerShell/AIShell/issues/350 (no reason at all)',
    bare({ choices: [{ index: 0, message }], usage: USAGE }),
  ],
  [
    'https://github.com/PowerShell/AIShell/issues/350 (“null” as text)',
    bare({ choices: [{ index: 0, message, finish_reason: 'null' }], usage: USAGE }),
  ],
])('%s is a plain response that has ended', async (_source, script) => {
  await using broker = await startBrokerWithProviders([{ script }])
  expect(await broker.sendChat()).toMatchObject({ status: 200, text: 'Hello', finish: 'stop' })
})

const PARTS = [
  { type: 'thinking', thinking: [{ type: 'text', text: 'Let me think.' }] },
  { type: 'text', text: 'Hello' },
]

test.each([
  ['https://github.com/openclaw/openclaw/pull/78868 (thinking)', PARTS],
  [
    'https://github.com/openclaw/openclaw/pull/75339 (thinking as a text)',
    [{ type: 'thinking', thinking: 'Let me think.' }, PARTS[1]],
  ],
  [
    'https://github.com/earendil-works/pi/pull/7216 (a summary)',
    [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'Let me think.' }] }, PARTS[1]],
  ],
])('%s is text and reasoning', async (_source, parts) => {
  const chunks = parts.map((part) => chatChunk('', { choices: [{ index: 0, delta: { content: [part] } }] }))
  const choices = [{ index: 0, message: { role: 'assistant', content: parts }, finish_reason: 'stop' }]
  await using broker = await startBrokerWithProviders([
    {
      script: ({ body }) =>
        (body as { stream?: boolean }).stream === true
          ? [sse(...chunks, finishChunk(), usageChunk(USAGE), done)]
          : [json(200, { choices, usage: USAGE })],
    },
  ])
  for (const stream of [true, false]) {
    const response = await broker.sendChat({ stream })
    expect(response).toMatchObject({ status: 200, text: 'Hello', finish: 'stop' })
    expect(response.raw).toContain('"reasoning":"Let me think."')
  }
})

test.each<[string, object]>([
  ['tool_calls that are no list', { message: { ...message, tool_calls: {} } }],
  ['a tool call that is null', { message: { ...message, tool_calls: [null] } }],
  ['an empty error', { message, error: {} }],
])('%s beside a response is none', async (_name, { error, ...choice }: { error?: unknown }) => {
  const choices = [{ index: 0, finish_reason: 'stop', ...choice }]
  await using broker = await startBrokerWithProviders([{ script: bare({ choices, error, usage: USAGE }) }])
  const response = await broker.sendChat()
  expect(response).toMatchObject({ status: 200, text: 'Hello', finish: 'stop', error: undefined })
  expect(response.raw).not.toContain('"tool_calls"')
})

test.each<[string, object]>([
  ['error_msg', { error_code: 17, error_msg: 'daily request limit reached' }],
  ['msg beside data: null', { code: 50_001, msg: 'daily request limit reached', data: null }],
  ['a message that is an object', { error: { message: { text: 'daily request limit reached' } } }],
])('an error with status 200 as %s is reported in its words', async (_name, body) => {
  await using broker = await startBrokerWithProviders([{ script: bare(body) }], { timerMs: () => 1 })
  expect((await broker.sendChat()).error?.message).toBe('daily request limit reached')
})

test('https://github.com/Wei-Shaw/sub2api/issues/1471 (an error behind an event that was not closed)', async () => {
  const unfinished = JSON.stringify(chatChunk('lo')).slice(0, 60)
  const error =
    '{"type":"error","sequence_number":0,"error":{"type":"upstream_error","message":"stream_read_error"}}'
  for (const between of ['\n', '\ndata: ', '\nevent: error\ndata: ']) {
    await using broker = await startBrokerWithProviders([
      { script: [sse(chatChunk('Hel')), raw(`data: ${unfinished}${between}${error}\n\n`)] },
    ])
    const response = await broker.sendChat({ stream: true })
    expect(response.text).toBe('Hel')
    expect(response.error?.message, between).toContain('stream_read_error')
  }
})

test('https://github.com/theopenco/llmgateway/pull/3904 (a body that is null)', async () => {
  await using broker = await startBrokerWithProviders([{ script: bare(null as never) }], { timerMs: () => 1 })
  expect(await broker.sendChat()).toMatchObject({ status: 502 })
})

/** Usage, as the objects that the chunks of a stream have, the last one in a chunk of its own. */
async function booked(...usages: readonly (object | undefined)[]) {
  const chunks = usages
    .slice(0, -1)
    .map((usage, at) =>
      at === 0 ? { ...chatChunk('Hello'), usage } : { ...chatChunk('', { choices: [] }), usage },
    )
  const last = usages.at(-1)
  await using broker = await startBrokerWithProviders([
    { script: [sse(...chunks, { ...finishChunk(), ...(last === undefined ? {} : { usage: last }) }, done)] },
  ])
  expect(await broker.sendChat({ stream: true })).toMatchObject({ text: usages.length > 1 ? 'Hello' : '' })
  return await broker.entry()
}

test('https://github.com/lemma-work/lemma-platform/pull/564 (cumulative counts in every chunk)', async () => {
  const at = (completion: number) => ({
    prompt_tokens: 100,
    completion_tokens: completion,
    total_tokens: 100 + completion,
  })
  expect(await booked(at(1), at(2), at(3))).toMatchObject({
    countSource: 'reported',
    usage: { prompt: 100, completion: 3 },
  })
})

test('https://github.com/avala-ai/agent-code/pull/375 (in the chunk with the finish reason)', async () => {
  expect(await booked(undefined, USAGE)).toMatchObject({
    countSource: 'reported',
    usage: { prompt: 10, completion: 5 },
  })
})

test('https://github.com/MiXaiLL76/auto_ai_router/pull/142 (no prompt, although there is a response)', async () => {
  const entry = await booked(undefined, { prompt_tokens: 0, completion_tokens: 5, total_tokens: 5 })
  expect(entry.countSource).not.toBe('reported')
  expect(entry.usage?.prompt).toBeGreaterThan(0)
})

test('https://github.com/unslothai/unsloth/pull/5670 (a cache beside the prompt, which the total leaves out)', async () => {
  const entry = await booked(undefined, {
    prompt_tokens: 8,
    completion_tokens: 862,
    total_tokens: 870,
    prompt_tokens_details: { cached_tokens: 18_901 },
    cache_creation_input_tokens: 1367,
    cache_read_input_tokens: 18_901,
  })
  expect(entry.usage).toMatchObject({
    cachedPrompt: 18_901,
    cacheWrite: 1367,
    prompt: 20_276,
    completion: 862,
  })
})

test('https://github.com/BerriAI/litellm/pull/40743 (a later count of zero replaces an earlier one)', async () => {
  const entry = await booked(
    { prompt_tokens: 100, completion_tokens: 0, cache_creation_input_tokens: 90, cache_read_input_tokens: 0 },
    { prompt_tokens: 100, completion_tokens: 5, cache_creation_input_tokens: 0, cache_read_input_tokens: 90 },
  )
  expect(entry).toMatchObject({
    countSource: 'reported',
    usage: { prompt: 100, cachedPrompt: 90, cacheWrite: 0 },
  })
})
