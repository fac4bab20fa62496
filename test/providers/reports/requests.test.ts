// Public reports of requests that vendors refused, replayed: what they are sent in place of it.
import { describe, expect, test } from 'vitest'
import { startBrokerWithProviders } from '../../faults/broker-with-providers.ts'
import { answers } from '../../faults/scripts.ts'
import { json } from '../../support/scripted-upstream.ts'

type Sent = Readonly<Record<string, unknown>>

interface Report {
  readonly vendor: string
  readonly modelId: string
  readonly body: Readonly<Record<string, unknown>>
  readonly sent: Readonly<Record<string, unknown>>
  readonly leftOut?: string
}

const hi = { role: 'user', content: 'hi' }
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }
const result = { role: 'tool', tool_call_id: 'call_1', content: 'sunny' }
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }]
const named = { type: 'function', function: { name: 'f' } }
const history = (assistant: object) => [hi, { role: 'assistant', ...assistant, tool_calls: [call] }, result]

const REPORTS: Readonly<Record<string, Report>> = {
  'https://github.com/evalstate/fast-agent/issues/279': {
    vendor: 'openai',
    modelId: 'o4-mini',
    body: { tools, parallel_tool_calls: false },
    sent: { parallel_tool_calls: undefined },
    leftOut: 'parallel_tool_calls',
  },
  'https://github.com/microsoft/semantic-kernel/issues/10365': {
    vendor: 'azure',
    modelId: 'o3-mini',
    body: { tools, parallel_tool_calls: false, temperature: 0 },
    sent: { parallel_tool_calls: undefined, temperature: undefined },
    leftOut: 'temperature, parallel_tool_calls',
  },
  'https://github.com/openclaw/openclaw/pull/37516': {
    vendor: 'nvidia',
    modelId: 'moonshotai/kimi-k2.5',
    body: { tools, parallel_tool_calls: true },
    sent: { parallel_tool_calls: undefined },
    leftOut: 'parallel_tool_calls',
  },
  'https://github.com/CherryHQ/cherry-studio/issues/16155 (empty text beside calls)': {
    vendor: 'nvidia',
    modelId: 'google/diffusiongemma-26b-a4b-it',
    body: { messages: history({ content: '' }) },
    sent: { messages: history({ content: null }) },
  },
  'https://github.com/ogx-ai/ogx/issues/1751 (no content beside calls)': {
    vendor: 'nvidia',
    modelId: 'meta/llama-3.1-8b-instruct',
    body: { messages: history({}) },
    sent: { messages: history({ content: null }) },
  },
  'https://github.com/SAIL-Research-Lab/cheetahclaws/pull/72 (no content beside calls)': {
    vendor: 'ollama',
    modelId: 'qwen3:8b',
    body: { messages: history({ content: null }) },
    sent: { messages: history({ content: '' }) },
  },
  'https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/261 (no content beside calls)': {
    vendor: 'lmstudio',
    modelId: 'qwen2.5-7b-instruct',
    body: { messages: history({ content: null }) },
    sent: { messages: history({ content: '' }) },
  },
  'https://github.com/run-llama/llama_index/issues/17555 (a tool without a result)': {
    vendor: 'openai',
    modelId: 'gpt-5-mini',
    body: { messages: [...history({ content: null }).slice(0, 2), { ...result, content: null }] },
    sent: { messages: [...history({ content: null }).slice(0, 2), { ...result, content: '' }] },
  },
  'https://github.com/vercel/ai/pull/13744 (neither text nor calls)': {
    vendor: 'openai',
    modelId: 'gpt-5-mini',
    body: { messages: [hi, { role: 'assistant', content: null }, hi] },
    sent: { messages: [hi, { role: 'assistant', content: '' }, hi] },
  },
  'https://github.com/MoonshotAI/kimi-code/issues/1985 (neither text nor calls)': {
    vendor: 'moonshot',
    modelId: 'kimi-k3',
    body: { messages: [hi, { role: 'assistant', content: '', reasoning_content: 'hm' }, hi] },
    sent: { messages: [hi, hi] },
  },
  'https://github.com/openclaw/openclaw/issues/73417 (thoughts of every assistant message)': {
    vendor: 'deepseek',
    modelId: 'deepseek-v4-flash',
    body: { messages: [...history({ content: null }), { role: 'assistant', content: 'It is sunny.' }, hi] },
    sent: {
      messages: [
        ...history({ content: null, reasoning_content: '' }),
        { role: 'assistant', content: 'It is sunny.', reasoning_content: '' },
        hi,
      ],
    },
  },
  'https://github.com/deepseek-ai/DeepSeek-V3/issues/1376 (a forced call of a model that thinks by default)':
    {
      vendor: 'deepseek',
      modelId: 'deepseek-v4-flash',
      body: { tools, tool_choice: 'required' },
      sent: { tool_choice: 'required', thinking: { type: 'disabled' } },
    },
  'https://github.com/can1357/oh-my-pi/issues/7315 (a forced call beside reasoning)': {
    vendor: 'deepseek',
    modelId: 'deepseek-v4-flash',
    body: { tools, tool_choice: named, reasoning_effort: 'high' },
    sent: { tool_choice: named, reasoning_effort: undefined, thinking: { type: 'disabled' } },
    leftOut: 'reasoning_effort',
  },
  'https://github.com/AstrBotDevs/AstrBot/issues/7805 (a forced call beside reasoning)': {
    vendor: 'moonshot',
    modelId: 'kimi-k2.5',
    body: { tools, tool_choice: 'required', reasoning: { enabled: true } },
    sent: { tool_choice: 'required', thinking: { type: 'disabled' } },
    leftOut: 'reasoning',
  },
  'https://github.com/cloudwego/eino/issues/994 (a forced call beside reasoning)': {
    vendor: 'alibaba',
    modelId: 'qwen3.5-plus',
    body: { tools, tool_choice: 'required', reasoning: { enabled: true } },
    sent: { tool_choice: 'required', enable_thinking: false },
    leftOut: 'reasoning',
  },
  'https://help.aliyun.com/en/model-studio/error-code (thinking without a stream)': {
    vendor: 'alibaba',
    modelId: 'qwen3-235b-a22b',
    body: {},
    sent: { enable_thinking: false },
  },
  'https://help.aliyun.com/en/model-studio/error-code (thinking without a stream that is asked for)': {
    vendor: 'alibaba',
    modelId: 'qwen3-32b',
    body: { reasoning: { max_tokens: 2000 } },
    sent: { enable_thinking: false, thinking_budget: undefined },
    leftOut: 'reasoning',
  },
  'https://docs.cohere.com/errors-reference (one penalty)': {
    vendor: 'cohere',
    modelId: 'command-a-03-2025',
    body: { frequency_penalty: 0.1, presence_penalty: 0.2 },
    sent: { frequency_penalty: 0.1, presence_penalty: undefined },
    leftOut: 'presence_penalty',
  },
  'https://docs.cohere.com/errors-reference (a system message in the middle)': {
    vendor: 'cohere',
    modelId: 'command-a-03-2025',
    body: { messages: [hi, { role: 'assistant', content: 'ok' }, { role: 'system', content: 'Sum up.' }] },
    sent: { messages: [hi, { role: 'assistant', content: 'ok' }, { role: 'user', content: 'Sum up.' }] },
  },
  'https://github.com/vllm-project/vllm/issues/41114 (a system message in the middle)': {
    vendor: 'deepinfra',
    modelId: 'Qwen/Qwen3.6-27B',
    body: {
      messages: [hi, { role: 'assistant', content: 'ok' }, { role: 'system', content: 'Sum up.' }, hi],
    },
    sent: { messages: [hi, { role: 'assistant', content: 'ok' }, { role: 'user', content: 'Sum up.' }, hi] },
  },
  'https://github.com/Noineri/vibe_tavern/issues/44 (two system messages)': {
    vendor: 'huggingface',
    modelId: 'Qwen/Qwen3.8-27B',
    body: {
      messages: [{ role: 'system', content: 'Write.' }, { role: 'developer', content: 'In verse.' }, hi],
    },
    sent: { messages: [{ role: 'system', content: 'Write.\n\nIn verse.' }, hi] },
  },
}

describe.each(Object.entries(REPORTS))('%s', (_source, { vendor, modelId, body, sent, leftOut }) => {
  test(`is sent as ${vendor} takes it`, async () => {
    await using broker = await startBrokerWithProviders([
      { name: vendor, modelId, script: answers('ok'), capabilities: ['tool_calling', 'reasoning'] },
    ])
    const { status, headers } = await broker.sendChat(body)
    expect(status).toBe(200)
    const got = broker.upstreams[0]?.requests[0]?.body as Sent
    for (const [name, value] of Object.entries(sent)) expect(got[name], name).toEqual(value)
    expect(headers['x-aibroker-left-out']).toBe(leftOut)
  })
})

/** A response of the Messages API. */
const MESSAGE = {
  type: 'message',
  role: 'assistant',
  content: [{ type: 'text', text: 'ok' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 1 },
}

test.each([
  [
    'https://github.com/lobehub/lobehub/issues/9523',
    { temperature: 0.5, top_p: 0.9 },
    { temperature: 0.5 },
    'top_p',
  ],
  [
    'https://github.com/MartialBE/one-hub/issues/529',
    { temperature: 0.5, top_p: 0.9, top_k: 3, reasoning: { enabled: true } },
    {},
    'temperature, top_p, top_k',
  ],
])('%s (sampling of Claude)', async (_source, body, sampling, leftOut) => {
  await using broker = await startBrokerWithProviders([
    {
      name: 'anthropic',
      modelId: 'claude-sonnet-4-5',
      script: [json(200, MESSAGE)],
      capabilities: ['reasoning'],
    },
  ])
  const { status, headers } = await broker.sendChat(body)
  expect(status).toBe(200)
  const { temperature, top_p, top_k } = (broker.upstreams[0]?.requests[0]?.body ?? {}) as Sent
  expect(JSON.parse(JSON.stringify({ temperature, top_p, top_k }))).toEqual(sampling)
  expect(headers['x-aibroker-left-out']).toBe(leftOut)
})
