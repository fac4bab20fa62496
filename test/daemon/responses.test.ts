import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openaiClient } from '../support/openai-client.ts'
import { openaiAt } from '../support/providers-env.ts'
import {
  chatChunk,
  cut,
  done,
  finishChunk,
  json,
  scriptedUpstream,
  sse,
  usageChunk,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

const model = 'gpt-4o-mini'
const USAGE = {
  prompt_tokens: 30,
  completion_tokens: 4,
  total_tokens: 34,
  prompt_tokens_details: { cached_tokens: 10 },
}
const WEATHER = {
  type: 'function' as const,
  name: 'weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
}

let upstream: ScriptedUpstream
let broker: Broker
let client: ReturnType<typeof openaiClient>
beforeAll(async () => {
  upstream = await scriptedUpstream(scenes)
  broker = await startBroker({ env: openaiAt(upstream) })
  client = openaiClient(broker.sockets.rest)
}, 30_000)
afterAll(async () => {
  for (const open of [client, broker, upstream]) await open[Symbol.asyncDispose]()
})

/** Chooses the script by the last message that the provider gets. */
function scenes({ body }: ReceivedRequest): readonly Step[] {
  const { stream, messages } = body as { stream?: boolean; messages: readonly object[] }
  const last = JSON.stringify(messages.at(-1))
  if (last.includes('busy')) return [json(429, { error: { message: 'slow down' } }, { 'retry-after': '900' })]
  if (last.includes('too much')) return [json(400, { error: { message: 'maximum context length is 8192' } })]
  if (last.includes('break')) return [sse(chatChunk('half ')), cut]
  if (last.includes('patch'))
    return [
      sse(
        piece(call(0, 'call_p', 'apply_patch', '{"input":"*** Begin"}')),
        finishChunk('tool_calls'),
        usageChunk(USAGE),
        done,
      ),
    ]
  if (last.includes('weather'))
    return [
      sse(
        chatChunk('looking'),
        piece(call(0, 'call_1', 'weather', '')),
        piece(call(1, 'call_2', 'weather', '{"city":')),
        piece(call(0, undefined, undefined, '{"city":"Ghent"}')),
        piece(call(1, undefined, undefined, '"Bruges"}')),
        finishChunk('stop'),
        usageChunk(USAGE),
        done,
      ),
    ]
  if (stream === true)
    return [
      sse(
        chatChunk('hel'),
        chatChunk('lo'),
        finishChunk(last.includes('long') ? 'length' : 'stop'),
        usageChunk(USAGE),
        done,
      ),
    ]
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }]
  return [json(200, { id: 'x', object: 'chat.completion', created: 1, model, choices, usage: USAGE })]
}

function call(index: number, id: string | undefined, name: string | undefined, text: string): object {
  return {
    index,
    ...(id === undefined ? {} : { id, type: 'function' }),
    function: { ...(name === undefined ? {} : { name }), arguments: text },
  }
}

function piece(one: object): object {
  return { ...chatChunk(''), choices: [{ index: 0, delta: { tool_calls: [one] }, finish_reason: null }] }
}

const sent = (): Record<string, unknown> => upstream.requests.at(-1)?.body as Record<string, unknown>

describe('POST /v1/responses on a provider of chat completions', () => {
  test('a plain request gets a response with its usage, under the id of the request', async () => {
    const response = await client.responses.create({ model, input: 'hi', instructions: 'be brief' })
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model,
      output_text: 'hello',
      usage: {
        input_tokens: 30,
        input_tokens_details: { cached_tokens: 10 },
        output_tokens: 4,
        total_tokens: 34,
      },
    })
    expect(response.id).toMatch(/^resp_\d+-/)
    expect(sent()['messages']).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'hi' },
    ])
  })

  test('a stream has all the events of a message, numbered from 0', async () => {
    const events: string[] = []
    const numbers: number[] = []
    const stream = client.responses.stream({ model, input: 'hi' })
    for await (const event of stream) {
      events.push(event.type)
      numbers.push(event.sequence_number)
    }
    const response = await stream.finalResponse()
    expect(events).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(numbers).toEqual(events.map((_event, at) => at))
    expect(response.output_text).toBe('hello')
    expect(response.usage?.total_tokens).toBe(34)
  })

  test('parallel calls whose pieces come in turns are whole items behind the text', async () => {
    const stream = client.responses.stream({ model, input: 'weather', tools: [WEATHER] })
    const done: object[] = []
    stream.on('event', (event) => {
      if (event.type === 'response.output_item.done') done.push(event.item)
    })
    const { output, status } = await stream.finalResponse()
    expect(status).toBe('completed')
    expect(output).toMatchObject([
      { type: 'message', content: [{ text: 'looking' }] },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Ghent"}' },
      { type: 'function_call', call_id: 'call_2', name: 'weather', arguments: '{"city":"Bruges"}' },
    ])
    expect(output).toMatchObject(done)
  })

  test('results of tools follow their calls, and a custom tool is a function with one text', async () => {
    const stream = client.responses.stream({
      model,
      input: [
        { role: 'user', content: 'hi' },
        { type: 'function_call', call_id: 'c1', name: 'weather', arguments: '{}' },
        { type: 'custom_tool_call', call_id: 'c2', name: 'apply_patch', input: 'text' },
        { role: 'developer', content: 'be careful' },
        { type: 'function_call_output', call_id: 'c1', output: 'rain' },
        { type: 'custom_tool_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'ok' }] },
        { role: 'user', content: 'now patch it' },
      ],
      tools: [
        WEATHER,
        {
          type: 'custom',
          name: 'apply_patch',
          description: 'Edits',
          format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' },
        },
      ],
    } as never)
    const { output } = await stream.finalResponse()
    expect(output).toMatchObject([
      { type: 'custom_tool_call', call_id: 'call_p', name: 'apply_patch', input: '*** Begin' },
    ])
    expect(sent()['messages']).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        tool_calls: [
          { id: 'c1', function: { name: 'weather', arguments: '{}' } },
          { id: 'c2', function: { name: 'apply_patch', arguments: '{"input":"text"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'rain' },
      { role: 'tool', tool_call_id: 'c2', content: 'ok' },
      { role: 'system', content: 'be careful' },
      { role: 'user', content: 'now patch it' },
    ])
  })

  test('a limit of tokens leaves the response incomplete, with its items', async () => {
    const response = await client.responses
      .stream({ model, input: 'long', max_output_tokens: 4 })
      .finalResponse()
    expect(response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output_text: 'hello',
    })
  })

  test('a stream that breaks off ends in response.failed, without the half item', async () => {
    const response = await client.responses.stream({ model, input: 'break' }).finalResponse()
    expect(response).toMatchObject({ status: 'failed', error: { code: 'server_error' }, output: [] })
  })

  test('a prompt that is too long is a 400 with the code that agents compact at', async () => {
    const failure = await client.responses
      .create({ model, input: 'too much' })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'input' })
  })

  test('a field that is wrong is named in the error', async () => {
    const failure = await client.responses
      .create({ model, input: [{ type: 'function_call_output', call_id: 'x', output: '' }] })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ status: 400, type: 'invalid_request_error', param: 'input[0]' })
    expect(String(failure)).toContain('No tool call found')
  })
})
