import { describe, expect, test } from 'vitest'
import { prepareRequest } from '../../../src/providers/protocols/openai-chat/openai-request.ts'
import { REQUEST_RULES, type RequestRulesName } from '../../../src/providers/request-rules/index.ts'
import { rulesOfModel } from '../../../src/providers/request-rules/request-rules.ts'
import { parseJsonBody } from '../../../src/wire/json/json-body.ts'

type Body = Readonly<Record<string, unknown>>

const user = { role: 'user', content: 'hi' }

function prepare(vendor: RequestRulesName | undefined, modelId: string, fields: Body, stream = false) {
  const text = JSON.stringify({ model: 'm', messages: [user], ...fields })
  const body = parseJsonBody(new TextEncoder().encode(text))
  const rules = vendor === undefined ? undefined : rulesOfModel(REQUEST_RULES[vendor], modelId)
  const request = { route: 'chat', body, modelId, stream, referer: undefined, title: undefined } as const
  const prepared = prepareRequest(request, {}, rules)
  return { ...prepared, text: prepared.body, sent: JSON.parse(prepared.body) as Body }
}

describe('reasoning in the words of a vendor', () => {
  test.each<[RequestRulesName, string, Body, Body]>([
    ['groq', 'qwen/qwen3.6-27b', { reasoning: { effort: 'high' } }, { reasoning_effort: 'default' }],
    ['groq', 'qwen/qwen3.6-27b', { reasoning: { enabled: false } }, { reasoning_effort: 'none' }],
    ['groq', 'openai/gpt-oss-120b', { reasoning_effort: 'minimal' }, { reasoning_effort: 'low' }],
    ['groq', 'openai/gpt-oss-120b', { reasoning: { effort: 'xhigh' } }, { reasoning_effort: 'high' }],
    ['groq', 'llama-3.3-70b-versatile', { reasoning_effort: 'high' }, { reasoning_effort: undefined }],
    ['openai', 'gpt-5-mini', { reasoning: { enabled: false } }, { reasoning_effort: 'minimal' }],
    ['openai', 'gpt-5.2', { reasoning: { effort: 'max' } }, { reasoning_effort: 'xhigh' }],
    ['openai', 'gpt-5-pro', { reasoning: { effort: 'low' } }, { reasoning_effort: 'high' }],
    ['openai', 'gpt-4o', { reasoning: { effort: 'low' } }, { reasoning_effort: undefined }],
    ['openai', 'o4-mini', { reasoning_effort: 'none' }, { reasoning_effort: 'low' }],
    ['xai', 'grok-3-mini', { reasoning: { effort: 'medium' } }, { reasoning_effort: 'low' }],
    ['xai', 'grok-4-fast-reasoning', { reasoning: { effort: 'high' } }, { reasoning_effort: undefined }],
    ['xai', 'grok-4.5', { reasoning: { enabled: false } }, { reasoning_effort: 'low' }],
    ['gemini', 'gemini-2.5-pro', { reasoning: { enabled: false } }, { reasoning_effort: 'low' }],
    ['gemini', 'gemini-2.5-flash', { reasoning: { effort: 'minimal' } }, { reasoning_effort: 'low' }],
    ['mistral', 'mistral-small-latest', { reasoning: { effort: 'low' } }, { reasoning_effort: 'high' }],
    [
      'alibaba',
      'qwen3.7-flash',
      { reasoning: { enabled: false } },
      { enable_thinking: false, reasoning_effort: undefined },
    ],
    [
      'alibaba',
      'qwen3.7-flash',
      { reasoning: { max_tokens: 500 } },
      { enable_thinking: true, thinking_budget: 500 },
    ],
    [
      'deepseek',
      'deepseek-v4-pro',
      { reasoning: { effort: 'low' } },
      { thinking: { type: 'enabled' }, reasoning_effort: 'high' },
    ],
    [
      'deepseek',
      'deepseek-v4-pro',
      { reasoning: { effort: 'none' } },
      { thinking: { type: 'disabled' }, reasoning_effort: undefined },
    ],
    [
      'cerebras',
      'gpt-oss-120b',
      { reasoning: { effort: 'high' } },
      { reasoning: undefined, reasoning_effort: 'high' },
    ],
  ])('%s %s: %j becomes %j', (vendor, modelId, fields, expected) => {
    const { sent } = prepare(vendor, modelId, fields)
    for (const name in expected) expect(sent[name]).toEqual(expected[name])
    expect(sent).not.toHaveProperty('reasoning')
  })
})

describe('parameters that a model does not take are left out and named', () => {
  test.each<[RequestRulesName, string, Body, readonly string[]]>([
    ['openai', 'gpt-5', { temperature: 0.2, top_p: 1, stop: ['x'] }, ['temperature', 'top_p', 'stop']],
    ['openai', 'gpt-5.2', { temperature: 0.2 }, []],
    ['openai', 'gpt-5.2', { temperature: 0.2, reasoning_effort: 'high' }, ['temperature']],
    ['openai', 'o3', { parallel_tool_calls: false }, ['parallel_tool_calls']],
    ['openai', 'gpt-4o', { temperature: 0.2, top_k: 3 }, ['top_k']],
    ['openai', 'gpt-4o-search-preview', { temperature: 0 }, ['temperature']],
    ['groq', 'llama', { logprobs: true, logit_bias: { 1: 2 }, seed: 1 }, ['logprobs', 'logit_bias']],
    ['groq', 'llama', { logprobs: null }, []],
    ['xai', 'grok-4', { stop: ['x'], presence_penalty: 1 }, ['presence_penalty', 'stop']],
    ['gemini', 'gemini-2.5-flash', { frequency_penalty: 1, seed: 7 }, ['frequency_penalty', 'seed']],
    [
      'cerebras',
      'gpt-oss-120b',
      { frequency_penalty: 1, logit_bias: {} },
      ['frequency_penalty', 'logit_bias'],
    ],
    ['moonshot', 'kimi-k2.6', { temperature: 0.3 }, ['temperature']],
    ['moonshot', 'kimi-k2-0905', { temperature: 0.3 }, []],
    ['deepseek', 'deepseek-v4-flash', { logprobs: true }, ['logprobs']],
    ['deepseek', 'deepseek-v4-flash', { logprobs: true, reasoning: { enabled: false } }, []],
    ['mistral', 'mistral-large', { logprobs: true, user: 'u' }, ['logprobs', 'user']],
    ['perplexity', 'sonar', { reasoning_effort: 'low' }, ['reasoning_effort']],
  ])('%s %s: of %j it leaves out %j', (vendor, modelId, fields, names) => {
    const { sent, leftOut } = prepare(vendor, modelId, fields)
    expect([...leftOut].sort()).toEqual([...names].sort())
    for (const name of names) expect(sent).not.toHaveProperty(name)
    for (const name in fields)
      if (!names.includes(name) && name !== 'reasoning' && fields[name] !== null)
        expect(sent).toHaveProperty(name)
  })

  test('of too many stops only the first are sent', () => {
    const stop = ['a', 'b', 'c', 'd', 'e', 'f']
    expect(prepare('openai', 'gpt-4o', { stop })).toMatchObject({
      sent: { stop: stop.slice(0, 4) },
      leftOut: ['stop'],
    })
    expect(prepare('zhipu', 'glm-5', { stop })).toMatchObject({ sent: { stop: ['a'] }, leftOut: ['stop'] })
    expect(prepare('deepseek', 'deepseek-v4-pro', { stop })).toMatchObject({ sent: { stop }, leftOut: [] })
    expect(prepare('groq', 'llama', { stop: 'a' })).toMatchObject({ sent: { stop: 'a' }, leftOut: [] })
  })

  test('a field that has another name there keeps its value', () => {
    const { sent, leftOut } = prepare('mistral', 'mistral-large', { seed: 7, max_completion_tokens: 50 })
    expect(sent).toMatchObject({ random_seed: 7, max_tokens: 50 })
    expect(sent).not.toHaveProperty('seed')
    expect(sent).not.toHaveProperty('max_completion_tokens')
    expect(leftOut).toEqual([])
  })
})

describe('messages in the words of a vendor', () => {
  const toolCall = (id: string) => ({ id, type: 'function', function: { name: 'add', arguments: '{}' } })
  const messagesAt = (vendor: RequestRulesName, messages: readonly object[]) =>
    prepare(vendor, 'm', { messages }).sent['messages'] as Body[]

  test('the role developer becomes system where it is unknown, and stays where it is known', () => {
    const messages = [{ role: 'developer', content: 'Be short.' }, user]
    expect(messagesAt('alibaba', messages)[0]).toEqual({ role: 'system', content: 'Be short.' })
    expect(messagesAt('openai', messages)[0]).toEqual(messages[0])
  })

  test('the ids of calls and of their results change alike where they must be short', () => {
    const messages = [
      user,
      { role: 'assistant', content: null, tool_calls: [toolCall('call_abcdef'), toolCall('abcDEF123')] },
      { role: 'tool', tool_call_id: 'call_abcdef', content: '1' },
      { role: 'tool', tool_call_id: 'abcDEF123', content: '2' },
    ]
    const [, assistant, first, second] = messagesAt('mistral', messages)
    const [one, other] = (assistant ?? {})['tool_calls'] as Body[]
    expect(one?.['id']).toMatch(/^[a-zA-Z0-9]{9}$/)
    expect(first?.['tool_call_id']).toBe(one?.['id'])
    expect([other?.['id'], second?.['tool_call_id']]).toEqual(['abcDEF123', 'abcDEF123'])
  })

  test('the assistant says something between a tool’s result and the user where it must', () => {
    const result = { role: 'tool', tool_call_id: 'abcDEF123', content: '4' }
    expect(messagesAt('mistral', [result, user]).map(({ role }) => role)).toEqual([
      'tool',
      'assistant',
      'user',
    ])
    expect(messagesAt('groq', [result, user]).map(({ role }) => role)).toEqual(['tool', 'user'])
  })

  test('adjacent messages of one side are joined where roles must alternate', () => {
    const picture = {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }],
    }
    expect(messagesAt('perplexity', [user, { role: 'user', content: 'there' }, picture])).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'hi\n\nthere' }, ...picture.content] },
    ])
  })

  test('content in parts becomes one text where only texts are taken', () => {
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ]
    const messages = [
      { role: 'system', content: parts },
      { role: 'user', content: parts },
    ]
    expect(messagesAt('groq', messages).map(({ content }) => content)).toEqual(['a\nb', parts])
    expect(messagesAt('deepseek', messages).map(({ content }) => content)).toEqual(['a\nb', 'a\nb'])
    expect(messagesAt('openai', messages).map(({ content }) => content)).toEqual([parts, parts])
  })

  test('a tool’s result has the name of its tool where it must, and no name where none is taken', () => {
    const assistant = { role: 'assistant', content: '', tool_calls: [toolCall('c1')] }
    const result = { role: 'tool', tool_call_id: 'c1', content: '4' }
    expect(messagesAt('gemini', [user, assistant, result])[2]).toEqual({ ...result, name: 'add' })
    expect(messagesAt('mistral', [{ ...user, name: 'Ann' }])[0]).toEqual(user)
  })

  test('calls of an earlier turn have thoughts, even if empty, where they must', () => {
    const assistant = { role: 'assistant', content: '', tool_calls: [toolCall('c1')] }
    expect(messagesAt('deepseek', [user, assistant])[1]).toEqual({ ...assistant, reasoning_content: '' })
    expect(messagesAt('groq', [user, assistant])[1]).toEqual(assistant)
  })

  test('thoughts that are only in reasoning_details go back under the vendor’s name', () => {
    const reasoning_details = [
      { type: 'reasoning.text', text: 'two ' },
      { type: 'reasoning.text', text: 'and two' },
    ]
    const assistant = { role: 'assistant', content: '4', reasoning_details }
    expect(messagesAt('cerebras', [user, assistant])[1]).toEqual({
      role: 'assistant',
      content: '4',
      reasoning: 'two and two',
    })
  })

  test('a thought signature in a call survives where it is wanted', () => {
    const extra_content = { google: { thought_signature: 'sig' } }
    const signed = {
      role: 'assistant',
      content: '',
      tool_calls: [{ ...toolCall('c1'), index: 0, extra_content }],
    }
    expect(messagesAt('gemini', [user, signed])[1]?.['tool_calls']).toEqual([
      { ...toolCall('c1'), extra_content },
    ])
    expect(messagesAt('openai', [user, signed])[1]?.['tool_calls']).toEqual([toolCall('c1')])
  })

  test('a linked image is refused where only inline ones are taken, with what to do', () => {
    const withImage = (url: string) => ({
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
    })
    const { refusal } = prepare('moonshot', 'kimi-k2.6', withImage('https://pictures.example/cat.png'))
    expect(refusal).toMatchObject({
      code: 'upstream-refused',
      message: expect.stringContaining('data: URL') as string,
    })
    expect(prepare('moonshot', 'kimi-k2.6', withImage('data:image/png;base64,AA')).refusal).toBeUndefined()
    expect(prepare('openai', 'gpt-4o', withImage('https://pictures.example/cat.png')).refusal).toBeUndefined()
  })
})

describe('schemas in the words of a vendor', () => {
  const parameters = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      kind: { const: 'a' },
      $schema: { type: 'string' },
      list: { type: 'array', items: { const: 1 } },
    },
    required: ['kind'],
  }
  const tool = { type: 'function', function: { name: 'f', strict: true, parameters } }

  test('unsupported keywords are left out at any depth, but not properties of that name', () => {
    const { sent, leftOut } = prepare('gemini', 'gemini-2.5-flash', { tools: [tool] })
    const [sentTool] = sent['tools'] as { function: Body }[]
    expect(sentTool?.function).toEqual({
      name: 'f',
      parameters: {
        type: 'object',
        properties: {
          kind: { enum: ['a'] },
          $schema: { type: 'string' },
          list: { type: 'array', items: { enum: [1] } },
        },
        required: ['kind'],
      },
    })
    expect([...leftOut].sort()).toEqual(['schema.$schema', 'tools.strict'])
  })

  test('the schema of a response format loses them, too', () => {
    const schema = {
      type: 'object',
      properties: { list: { type: 'array', minItems: 1, items: { type: 'string' } } },
    }
    const response_format = { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } }
    const { sent, leftOut } = prepare('cerebras', 'gpt-oss-120b', { response_format })
    expect(sent['response_format']).toMatchObject({ json_schema: { name: 'x', strict: true } })
    expect(JSON.stringify(sent['response_format'])).not.toContain('minItems')
    expect(leftOut).toEqual(['schema.minItems'])
  })
})

test('a provider without rules gets the caller’s bytes', () => {
  const fields = {
    messages: [
      { role: 'developer', content: [{ type: 'text', text: 'ü' }] },
      { role: 'assistant', content: null, reasoning: 'x' },
    ],
    top_k: 3,
    tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: { $schema: 'x' } } }],
  }
  const { text, leftOut } = prepare(undefined, 'm', fields)
  expect(text).toBe(JSON.stringify({ model: 'm', messages: fields.messages, top_k: 3, tools: fields.tools }))
  expect(leftOut).toEqual([])
})

describe('a response_format with a schema', () => {
  const format = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } }

  test.each([
    ['becomes json_object', 'Answer in JSON.', { type: 'json_object' }],
    ['is left out where no message speaks of JSON', 'Answer.', undefined],
  ])('%s for DeepSeek, and is named as left out', (_case, content, expected) => {
    const fields = { messages: [{ role: 'user', content }], response_format: format }
    const { sent, leftOut } = prepare('deepseek', 'deepseek-v4-pro', fields)
    expect(sent['response_format']).toEqual(expected)
    expect(leftOut).toContain('response_format.json_schema')
  })
})

test.each<[RequestRulesName]>([['groq'], ['gemini'], ['mistral'], ['open-models']])(
  'a call without arguments in the history has an empty object of them for %s',
  (vendor) => {
    const call = { id: 'abcdefghi', type: 'function', function: { name: 'f', arguments: '' } }
    const messages = [user, { role: 'assistant', content: null, tool_calls: [call] }]
    const { sent } = prepare(vendor, 'x', { messages })
    const [, assistant] = sent['messages'] as readonly { readonly tool_calls?: readonly (typeof call)[] }[]
    expect(assistant?.tool_calls?.[0]?.function.arguments).toBe('{}')
  },
)
