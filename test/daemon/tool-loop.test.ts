import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text as bodyOf } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { program } from '../mcp/support.ts'
import { openResponse } from '../support/open-request.ts'
import { mcpFile } from '../support/mcp-file.ts'
import { openaiClient } from '../support/openai-client.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  done,
  finishChunk,
  inTurn,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'

const model = 'gpt-4o-mini'
const messages = [{ role: 'user', content: 'what does the echo say?' }]
/** 21,000 nano-dollars. */
const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
const mcp = { type: 'mcp' }
const raw = { raw: program('raw', {}, { prices: { echo: '0.001' } }) }

const call = (name: string, args: object | string = {}, id = `call-${name}`) => ({
  id,
  type: 'function',
  function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
})
const asks = (...calls: readonly object[]): readonly Step[] => [
  json(200, {
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: null, tool_calls: calls },
        finish_reason: 'tool_calls',
      },
    ],
    usage,
  }),
]
const says = (content: string): readonly Step[] => [
  json(200, {
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage,
  }),
]

interface Sent {
  readonly messages: readonly { role: string; content: string; tool_calls?: unknown; tool_call_id?: string }[]
  readonly tools?: readonly { function: { name: string } }[]
  readonly tool_choice?: unknown
}
const sentTo = (upstream: ScriptedUpstream, nth: number) => upstream.requests[nth]?.body as Sent
const toolsSentTo = (upstream: ScriptedUpstream, nth: number) =>
  (sentTo(upstream, nth).tools ?? []).map((tool) => tool.function.name)

async function brokerWith(
  upstream: ScriptedUpstream,
  folder: TempFolder,
  servers: object = raw,
  more: object = {},
) {
  const { env } = mcpFile(folder.path, servers, more)
  return startBroker({ folder: folder.path, env: { ...env, ...openaiAt(upstream) } })
}

const chat = (broker: Broker, more: object = {}, headers: Record<string, string> = {}) =>
  broker.post('/v1/chat/completions', { model, messages, tools: [mcp], ...more }, { headers })

test('a chat with a tool call records rows of one group, and the response carries their sum', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(
    inTurn(asks(call('raw__echo', { word: 'hi' })), says('it says hi')),
  )
  await using broker = await brokerWith(upstream, folder)
  const answer = await chat(broker, {}, { 'x-hero-context': 'lab' })
  const id = answer.headers['x-generation-id']

  expect(answer).toMatchObject({ status: 200 })
  expect(answer.json).toMatchObject({
    id,
    choices: [{ message: { role: 'assistant', content: 'it says hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 200, completion_tokens: 20, total_tokens: 220, cost: 0.001042 },
    x_aibroker: {
      group: id,
      rounds: 2,
      cost: 0.001042,
      tool_calls: [
        { name: 'raw__echo', server: 'raw', status: 'finished', result: '{"word":"hi"}', cost: 0.001 },
      ],
    },
  })
  expect(toolsSentTo(upstream, 0)).toContain('raw__echo')
  expect(sentTo(upstream, 1).messages.slice(1)).toEqual([
    { role: 'assistant', content: null, tool_calls: [call('raw__echo', { word: 'hi' })] },
    { role: 'tool', tool_call_id: 'call-raw__echo', content: '{"word":"hi"}' },
  ])
  await expect.poll(() => broker.rows().length).toBe(3)
  expect(
    broker.rows().map(({ kind, model: name, context, cost_nano }) => [kind, name, context, cost_nano]),
  ).toEqual(
    expect.arrayContaining([
      ['chat', model, 'lab', 21_000],
      ['tool', 'raw__echo', 'lab', 1_000_000],
      ['chat', model, 'lab', 21_000],
    ]),
  )
  expect(broker.groupOf(String(id))).toHaveLength(3)
  expect(broker.openHolds()).toBe(0)
  const { json: generation } = await broker.get(`/v1/generation?id=${String(id)}`, {
    headers: { 'x-hero-context': 'lab' },
  })
  expect(generation).toMatchObject({
    data: { total_cost: 0.000021, x_aibroker: { group: id, cost: 0.000021 } },
  })
})

test('a stream reports every tool call, and reads as one response to a client that ignores them', async () => {
  using folder = tempFolder()
  const piece = (delta: object) => ({ ...chatChunk(''), choices: [{ index: 0, delta, finish_reason: null }] })
  const first = sse(
    chatChunk('Let me see. '),
    piece({
      tool_calls: [
        { index: 0, id: 'c1', type: 'function', function: { name: 'raw__echo', arguments: '{"wo' } },
      ],
    }),
    piece({ tool_calls: [{ index: 0, function: { arguments: 'rd":"hi"}' } }] }),
    finishChunk('tool_calls'),
    usageChunk(usage),
    done,
  )
  const second = sse(chatChunk('It says '), chatChunk('hi.'), finishChunk(), usageChunk(usage), done)
  await using upstream = await scriptedUpstream(inTurn([first], [second]))
  await using broker = await brokerWith(upstream, folder)
  await using client = openaiClient(broker.sockets.rest)

  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'hi' }],
    tools: [mcp as never],
    stream: true,
    stream_options: { include_usage: true },
  })
  const chunks: Chunk[] = []
  for await (const chunk of stream) chunks.push(chunk as unknown as Chunk)

  expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(
    'Let me see. It says hi.',
  )
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
  expect(chunks.some(({ choices }) => choices[0]?.delta.tool_calls !== undefined)).toBe(false)
  const endings = chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])
  expect(new Set(endings)).toEqual(new Set(['stop']))
  expect(chunks.flatMap(({ x_aibroker }) => x_aibroker?.tool_call ?? [])).toMatchObject([
    { id: 'c1', name: 'raw__echo', arguments: '{"word":"hi"}', status: 'running' },
    { id: 'c1', name: 'raw__echo', status: 'finished', result: '{"word":"hi"}' },
  ])
  expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 200, completion_tokens: 20, cost: 0.001042 })
  expect(sentTo(upstream, 1).messages[1]).toMatchObject({ content: 'Let me see. ' })
})

interface Chunk {
  readonly id: string
  readonly choices: readonly {
    readonly delta: { readonly content?: string; readonly tool_calls?: unknown }
    readonly finish_reason: string | null
  }[]
  readonly usage?: object
  readonly x_aibroker?: { readonly tool_call?: object }
}

test.each([false, true])(
  'a tool call without a price makes the whole response unpriced (streamed: %j)',
  async (stream) => {
    using folder = tempFolder()
    const toolCall = call('raw__echo', { word: 'hi' })
    const delta = { tool_calls: [{ index: 0, ...toolCall }] }
    const calling = { ...chatChunk(''), choices: [{ index: 0, delta, finish_reason: null }] }
    const rounds = stream
      ? [
          [sse(calling, finishChunk('tool_calls'), usageChunk(usage), done)],
          [sse(chatChunk('it says hi'), finishChunk(), usageChunk(usage), done)],
        ]
      : [asks(toolCall), says('it says hi')]
    await using upstream = await scriptedUpstream(inTurn(...rounds))
    await using broker = await brokerWith(upstream, folder, { raw: program('raw') })
    const { text } = await chat(broker, { stream })
    const last = stream ? text.split('\n\n').findLast((event) => event.includes('"usage"')) : text
    const reported = JSON.parse((last ?? '').replace('data: ', '')) as {
      usage: object
      x_aibroker: { rounds: number }
    }
    expect(reported.usage).not.toHaveProperty('cost')
    expect(reported.x_aibroker).toMatchObject({ rounds: 2, unpriced: true })
    expect(reported.x_aibroker).not.toHaveProperty('cost')
  },
)

test.each([false, true])(
  'calls of the caller’s own functions are returned to the caller (streamed: %s)',
  async (stream) => {
    using folder = tempFolder()
    const both = [call('mine', { a: 1 }), call('raw__echo')]
    const streamed = sse(
      {
        ...chatChunk(''),
        choices: [{ index: 0, delta: { tool_calls: both.map((one, index) => ({ ...one, index })) } }],
      },
      finishChunk('tool_calls'),
      usageChunk(usage),
      done,
    )
    await using upstream = await scriptedUpstream(stream ? [streamed] : asks(...both))
    await using broker = await brokerWith(upstream, folder)
    const own = { type: 'function', function: { name: 'mine', parameters: { type: 'object' } } }
    const answer = await chat(broker, { tools: [own, mcp], stream })
    expect(answer.text).toContain('"finish_reason":"tool_calls"')
    expect(answer.text).toContain('"id":"call-mine"')
    expect(answer.text).not.toContain('raw__echo')
    expect(toolsSentTo(upstream, 0)).toEqual(expect.arrayContaining(['mine', 'raw__echo']))
    expect(upstream.requests).toHaveLength(1)
    expect(broker.rows().map(({ kind }) => kind)).toEqual(['chat'])
  },
)

test('a failed tool call is reported to the model, which may retry', async () => {
  using folder = tempFolder()
  const wrong = [call('raw__echo', '{broken', 'a'), call('nobody__has', {}, 'b'), call('raw__hang', {}, 'c')]
  await using upstream = await scriptedUpstream(inTurn(asks(...wrong), says('never mind')))
  await using broker = await brokerWith(upstream, folder, { raw: program('raw', {}, { callTimeoutMs: 300 }) })
  expect((await chat(broker)).json).toMatchObject({
    choices: [{ message: { content: 'never mind' } }],
    x_aibroker: { tool_calls: [{ status: 'failed' }, { status: 'failed' }, { status: 'failed' }] },
  })
  const reported = sentTo(upstream, 1).messages.slice(2)
  expect(reported.map(({ tool_call_id, content }) => [tool_call_id, content])).toEqual([
    ['a', expect.stringContaining('Error: the arguments are no JSON object')],
    ['b', 'Error: there is no tool “nobody__has”'],
    ['c', expect.stringMatching(/^Error: /)],
  ])
})

test('the last round has no tools, so that the model has to respond', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(
    inTurn(asks(call('raw__echo')), asks(call('raw__echo')), says('enough')),
  )
  await using broker = await brokerWith(upstream, folder, raw, { chat: { maxRounds: 3 } })
  const answer = await chat(broker, { tool_choice: 'required' })
  expect(answer.json).toMatchObject({
    choices: [{ message: { content: 'enough' } }],
    x_aibroker: { rounds: 3 },
  })
  expect([0, 1, 2].map((nth) => sentTo(upstream, nth).tool_choice)).toEqual(['required', 'auto', 'none'])

  const once = await chat(broker, { tools: [{ ...mcp, max_rounds: 1 }] })
  expect(once.json).toMatchObject({ x_aibroker: { rounds: 1 } })
})

test('a model that still calls a tool in the last round ends with finish_reason length', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(asks(call('raw__echo')))
  await using broker = await brokerWith(upstream, folder, raw, { chat: { maxRounds: 2 } })
  const { json: answer } = await chat(broker)
  expect(answer).toMatchObject({ choices: [{ finish_reason: 'length' }] })
  expect((answer as { choices: { message: object }[] }).choices[0]?.message).not.toHaveProperty('tool_calls')
  expect(upstream.requests).toHaveLength(2)
})

test('no new round or call begins once the budget is spent', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(asks(call('raw__echo')))
  await using broker = await brokerWith(upstream, folder)
  const answer = await chat(broker, { tools: [{ ...mcp, max_cost_usd: '0.0015' }] })
  expect(answer).toMatchObject({
    status: 402,
    json: { error: { metadata: { error_type: 'payment_required' } } },
  })
  expect(answer.text).toContain('have cost $0.001042 of the $0.0015 they may')
  expect(answer.text).toContain('"may_cost":true')
  await expect.poll(() => broker.rows().length).toBe(3)
  expect(upstream.requests).toHaveLength(2)
})

test('a limit that is reached after the first chunk ends the stream with an error event', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream([
    sse(
      {
        ...chatChunk(''),
        choices: [{ index: 0, delta: { content: 'wait', tool_calls: [{ index: 0, ...call('raw__echo') }] } }],
      },
      finishChunk('tool_calls'),
      usageChunk(usage),
      done,
    ),
  ])
  await using broker = await brokerWith(upstream, folder)
  const answer = await chat(broker, { stream: true, tools: [{ ...mcp, max_cost_usd: '0.0009' }] })
  expect(answer.status).toBe(200)
  expect(answer.text).toContain('"content":"wait"')
  expect(answer.text).toContain('"code":"insufficient_quota"')
  expect(answer.text).toContain('"may_cost":true')
  expect(answer.text).not.toContain('[DONE]')
  expect(broker.rows().map(({ kind, status }) => [kind, status])).toEqual([['chat', 'finished']])
})

test('a timeout cancels the running tool call, and the response is an error', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(asks(call('raw__hang')))
  await using broker = await brokerWith(upstream, folder, raw, { chat: { maxMs: 2500 } })
  expect((await chat(broker)).status).toBe(504)
  await expect
    .poll(() => broker.rows().map(({ kind, status }) => [kind, status]))
    .toEqual([
      ['chat', 'finished'],
      ['tool', 'cancelled'],
    ])
})

test('a caller that disconnects during a tool call cancels it, and pays for what was used', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream([
    sse(
      {
        ...chatChunk('wait'),
        choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...call('raw__hang') }] } }],
      },
      finishChunk('tool_calls'),
      usageChunk(usage),
      done,
    ),
  ])
  await using broker = await brokerWith(upstream, folder)
  const body = { model, messages, tools: [mcp], stream: true }
  const path = '/v1/chat/completions'
  const open = await openResponse({ socketPath: broker.sockets.rest, method: 'POST', path, body })
  await open.until('"status":"running"')
  open.hangUp()
  await expect
    .poll(() => broker.rows().map(({ kind, status }) => [kind, status]))
    .toEqual([
      ['chat', 'finished'],
      ['tool', 'cancelled'],
    ])
  expect(upstream.requests).toHaveLength(1)
  expect(broker.openHolds()).toBe(0)
})

test('a context can have tools by default; other callers have only the tools they name', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(says('hello'))
  const policies = [{ contexts: ['lab'], chatTools: ['raw__e*'] }, {}]
  await using broker = await brokerWith(upstream, folder, raw, { policies })
  await chat(broker, { tools: undefined }, { 'x-hero-context': 'lab' })
  await chat(broker, { tools: undefined })
  await chat(broker, { tools: [{ ...mcp, allowed_tools: [] }] }, { 'x-hero-context': 'lab' })
  await chat(broker, {
    tools: [{ ...mcp, server_label: 'raw', allowed_tools: { tool_names: ['pid', 'raw__slow'] } }],
  })
  expect([0, 1, 2, 3].map((nth) => toolsSentTo(upstream, nth))).toEqual([
    ['raw__echo', 'raw__env'],
    [],
    [],
    ['raw__pid', 'raw__slow'],
  ])
})

test('workers give the tools of the MCP file that the primary has, also while a newer file is refused', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(says('hello'))
  const file = mcpFile(folder.path, { ...raw, b: program('raw'), c: program('raw') }, withTools('raw__echo'))
  await using broker = await startBroker({
    folder: folder.path,
    env: { ...openaiAt(upstream), ...file.env },
    args: ['--workers', '2'],
  })
  const toolsOfFour = async () => {
    const first = upstream.requests.length
    for (let nth = 0; nth < 4; nth++) await chat(broker, { tools: undefined })
    return [0, 1, 2, 3].flatMap((nth) => toolsSentTo(upstream, first + nth))
  }
  // This file has lost most servers, so it is refused as a whole.
  file.write(raw, { policies: [{}] })
  expect(await broker.rpc('config.reload')).toBeUndefined()
  expect(await toolsOfFour()).toEqual(['raw__echo', 'raw__echo', 'raw__echo', 'raw__echo'])
  await broker.rpc('config.reload', { force: true })
  expect(await toolsOfFour()).toEqual([])
  file.write(raw, withTools('raw__pid'))
  await broker.rpc('config.reload')
  expect(await toolsOfFour()).toEqual(['raw__pid', 'raw__pid', 'raw__pid', 'raw__pid'])
}, 60_000)

const withTools = (pattern: string) => ({ policies: [{ chatTools: [pattern] }] })

test('for a large tool set the model gets a search tool, and then the tools that it found', async () => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(
    inTurn(
      asks(call('find_tools', { query: 'says again' })),
      asks(call('raw__echo', { a: 1 })),
      says('done'),
    ),
  )
  await using broker = await brokerWith(upstream, folder, { raw: program('raw', { MANY: '300' }) })
  const answer = await chat(broker)
  expect([0, 1, 2].map((nth) => toolsSentTo(upstream, nth))).toEqual([
    ['find_tools'],
    ['find_tools', 'raw__echo'],
    ['find_tools', 'raw__echo'],
  ])
  expect(answer.json).toMatchObject({
    x_aibroker: {
      tool_calls: [{ name: 'find_tools' }, { name: 'raw__echo', server: 'raw', result: '{"a":1}' }],
    },
  })
  expect(broker.rows().filter(({ kind }) => kind === 'tool')).toHaveLength(1)
})

test.each([
  ['a server of the request’s own', { ...mcp, server_url: 'http://evil' }, 400, 'server_label'],
  ['an unknown field', { ...mcp, surprise: 1 }, 400, 'surprise'],
  ['a tool that needs approval', { ...mcp, require_approval: 'always' }, 400, 'never'],
  ['a server that is not configured', { ...mcp, server_label: 'nobody' }, 404, 'nobody'],
  ['a server that is down', { ...mcp, server_label: 'gone' }, 503, 'its command was not found'],
])('%s is refused before any provider is called', async (_, tool, status, words) => {
  using folder = tempFolder()
  await using upstream = await scriptedUpstream(says('never'))
  await using broker = await brokerWith(upstream, folder, { ...raw, gone: { command: '/no/such/program' } })
  const answer = await chat(broker, { tools: [tool] })
  expect(answer.status).toBe(status)
  expect(answer.text).toContain(words)
  expect(upstream.requests).toHaveLength(0)
  expect(broker.rows()).toEqual([])
})

test('without MCP servers a request for MCP tools gets an error that says so', async () => {
  await using broker = await startBroker()
  const answer = await chat(broker, { model: 'auto' })
  expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('none are configured')])
})

const PICTURE = Buffer.from('a picture').toString('base64')

/** An MCP server over HTTP whose tool `shot` returns a picture beside its text. */
async function pictureServer() {
  const results: Readonly<Record<string, object>> = {
    initialize: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'p', version: '1' },
    },
    'tools/list': { tools: [{ name: 'shot', inputSchema: { type: 'object' } }] },
    'tools/call': {
      content: [
        { type: 'text', text: 'Took it.' },
        { type: 'image', data: PICTURE, mimeType: 'image/png' },
      ],
    },
  }
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { id, method } = JSON.parse(body === '' ? '{}' : body)
      if (request.method !== 'POST') return response.writeHead(405).end()
      if (id === undefined) return response.writeHead(202).end()
      response.writeHead(200, { 'content-type': 'application/json' })
      const outcome = results[method] ?? { code: -32_601, message: 'Method not found' }
      const field = method in results ? 'result' : 'error'
      return response.end(JSON.stringify({ jsonrpc: '2.0', id, [field]: outcome }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    [Symbol.dispose]: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

test('a model that sees is shown the picture that a tool returns, and one that does not gets the text alone', async () => {
  using folder = tempFolder()
  using pictures = await pictureServer()
  await using upstream = await scriptedUpstream(
    inTurn(asks(call('p__shot')), says('I see'), asks(call('p__shot')), says('I read')),
  )
  const models = (capability: string) => `
    capabilities: [tool_calling, ${capability}]
    backends: [{provider: openai, model_id: x, input_cost: 1, output_cost: 1}]`
  const file = join(folder.path, 'models.yml')
  writeFileSync(file, `models:\n  sees:${models('vision')}\n  reads:${models('reasoning')}\n`)
  const { env } = mcpFile(folder.path, { p: { url: pictures.url } }, {})
  await using broker = await startBroker({
    folder: folder.path,
    env: { ...env, ...openaiAt(upstream), MODELS_CONFIG_PATH: file },
  })
  expect(await chat(broker, { model: 'sees' })).toMatchObject({ status: 200 })
  const text = { role: 'tool', tool_call_id: 'call-p__shot', content: 'Took it.\n[image image/png]' }
  expect(sentTo(upstream, 1).messages.slice(2)).toEqual([
    text,
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Returned by the tool p__shot:' },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE}` } },
      ],
    },
  ])
  expect(await chat(broker, { model: 'reads' })).toMatchObject({ status: 200 })
  expect(sentTo(upstream, 3).messages.slice(2)).toEqual([text])
})
