import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REQUEST_RULES, type RequestRulesName } from '../../src/providers/request-rules/index.ts'
import { tempFolder, type TempFolder } from '../support/temp-folder.ts'
import {
  json,
  scriptedUpstream,
  sse,
  type ReceivedRequest,
  type ScriptedUpstream,
  type Step,
} from '../support/scripted-upstream.ts'
import { startBroker, type Broker } from '../support/start-broker.ts'

/**
 * What each vendor is documented or reported to take of an assistant's message: field names, and the name under which it
 * takes thoughts back. Written apart from the rules that are tested. `*` takes any field.
 */
interface Accepted {
  readonly fields: string
  readonly calls?: string
  readonly roles?: string
  readonly thoughts?: 'reasoning' | 'reasoning_content'
  readonly ids?: RegExp
  readonly needsText?: boolean
}

const ROLES = 'system user assistant tool'
const ACCEPTED: Readonly<Record<RequestRulesName, Accepted>> = {
  openai: { fields: 'role content name refusal audio tool_calls function_call', roles: `${ROLES} developer` },
  azure: { fields: 'role content name refusal audio tool_calls function_call', roles: `${ROLES} developer` },
  groq: { fields: 'role content name tool_calls reasoning', thoughts: 'reasoning' },
  alibaba: {
    fields: 'role content tool_calls partial reasoning_content',
    thoughts: 'reasoning_content',
    needsText: true,
  },
  sambanova: { fields: 'role content name tool_calls' },
  anthropic: { fields: 'role content name tool_calls' },
  gemini: { fields: 'role content tool_calls extra_content', calls: 'id type function extra_content' },
  vertex: { fields: 'role content tool_calls extra_content', calls: 'id type function extra_content' },
  xai: { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
  deepseek: {
    fields: 'role content name tool_calls prefix reasoning_content',
    thoughts: 'reasoning_content',
  },
  mistral: { fields: 'role content tool_calls prefix', ids: /^[a-zA-Z0-9]{9}$/ },
  moonshot: {
    fields: 'role content name tool_calls partial reasoning_content',
    thoughts: 'reasoning_content',
  },
  zhipu: { fields: 'role content tool_calls reasoning_content', thoughts: 'reasoning_content' },
  minimax: { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
  cohere: { fields: 'role content tool_calls' },
  perplexity: { fields: 'role content tool_calls' },
  cerebras: { fields: 'role content name tool_calls reasoning', thoughts: 'reasoning' },
  fireworks: { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
  together: { fields: 'role content name tool_calls reasoning', thoughts: 'reasoning' },
  nvidia: { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
  github: { fields: 'role content name tool_calls' },
  ollama: {
    fields: 'role content name tool_calls reasoning_content',
    thoughts: 'reasoning_content',
    needsText: true,
  },
  lmstudio: {
    fields: 'role content name tool_calls reasoning_content',
    thoughts: 'reasoning_content',
    needsText: true,
  },
  llamacpp: { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
  vllm: { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
  'open-models': { fields: 'role content name tool_calls reasoning_content', thoughts: 'reasoning_content' },
}

type Message = Readonly<Record<string, unknown>>
type Kind = 'plain' | 'tools' | 'reasoning' | 'reasoning with tools'
const KINDS: readonly Kind[] = ['plain', 'tools', 'reasoning', 'reasoning with tools']
const NAMES = Object.keys(REQUEST_RULES) as RequestRulesName[]

/** Refuses a history with anything that the vendor does not take, in the words of its 400s. */
function refusalOf(messages: readonly Message[], accepted: Accepted): string | undefined {
  const { fields, calls = 'id type function', roles = ROLES, ids, needsText } = accepted
  for (const [at, message] of messages.entries()) {
    if (!roles.split(' ').includes(String(message['role'])))
      return `messages.${at}: role ${String(message['role'])}`
    if (
      ids !== undefined &&
      typeof message['tool_call_id'] === 'string' &&
      !ids.test(message['tool_call_id'])
    )
      return `Tool call id was ${message['tool_call_id']}`
    if (message['role'] !== 'assistant') continue
    const bad = Object.keys(message).find((name) => !fields.split(' ').includes(name))
    if (bad !== undefined) return `messages.${at}: property '${bad}' is unsupported`
    if (needsText === true && typeof message['content'] !== 'string')
      return `messages.${at}: content is not a text`
    for (const call of (message['tool_calls'] ?? []) as Message[]) {
      const badField = Object.keys(call).find((name) => !calls.split(' ').includes(name))
      if (badField !== undefined) return `Unknown parameter: 'messages[${at}].tool_calls[0].${badField}'`
      if (ids !== undefined && !ids.test(String(call['id']))) return `Tool call id was ${String(call['id'])}`
    }
  }
  return undefined
}

const call = {
  index: 0,
  id: 'call_0a1b2c3d',
  type: 'function',
  function: { name: 'add', arguments: '{"a":2}' },
}

function deltaOf(kind: Kind, { thoughts = 'reasoning_content' }: Accepted): Message {
  return {
    role: 'assistant',
    content: kind.endsWith('tools') ? null : 'Four.',
    ...(kind.startsWith('reasoning') && { [thoughts]: 'two and two' }),
    ...(kind.endsWith('tools') && { tool_calls: [call] }),
  }
}

function respond({ method, path, body }: ReceivedRequest): readonly Step[] {
  if (method === 'GET') return [json(200, { object: 'list', data: [] })]
  const name = path.split('/')[2] as RequestRulesName
  const request = body as { messages: Message[]; stream?: boolean; model: string }
  const refusal = refusalOf(request.messages, ACCEPTED[name])
  if (refusal !== undefined)
    return [json(400, { error: { message: refusal, type: 'invalid_request_error' } })]
  const delta = deltaOf(request.model.replaceAll('_', ' ') as Kind, ACCEPTED[name])
  const finish_reason = delta['tool_calls'] === undefined ? 'stop' : 'tool_calls'
  const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
  const base = { id: 'x', created: 1, model: 'm' }
  if (request.stream !== true)
    return [
      json(200, {
        ...base,
        object: 'chat.completion',
        choices: [{ index: 0, message: delta, finish_reason }],
        usage,
      }),
    ]
  const chunk = (choice: object): object => ({
    ...base,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, ...choice }],
  })
  return [
    sse(chunk({ delta }), chunk({ delta: {}, finish_reason }), { ...base, choices: [], usage }, '[DONE]'),
  ]
}

const modelId = (kind: Kind): string => kind.replaceAll(' ', '_')

function modelsFile({ baseUrl }: ScriptedUpstream): string {
  const providers = NAMES.map(
    (name) =>
      `  at-${name}: {base_url: ${baseUrl}/${name}, key_env: KEY, quirks: {request_rules: ${name}}}\n`,
  )
  const models = NAMES.flatMap((name) =>
    KINDS.map(
      (kind) =>
        `  ${name}/${modelId(kind)}: {capabilities: [tool_calling, reasoning], context_window: 9000, max_output_tokens: 900, ` +
        `backends: [{provider: at-${name}, model_id: ${modelId(kind)}, input_cost: 1, output_cost: 1}]}\n`,
    ),
  )
  return `providers:\n${providers.join('')}models:\n${models.join('')}`
}

let folder: TempFolder
let upstream: ScriptedUpstream
let broker: Broker
beforeAll(async () => {
  folder = tempFolder()
  upstream = await scriptedUpstream(respond, { over: 'tcp' })
  const file = join(folder.path, 'models.yml')
  writeFileSync(file, modelsFile(upstream))
  broker = await startBroker({ folder: folder.path, env: { KEY: 'test-key', MODELS_CONFIG_PATH: file } })
})
afterAll(async () => {
  await broker[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const question = { role: 'user', content: 'What is two and two?' }

async function firstTurn(model: string, stream: boolean): Promise<Message> {
  const messages = [{ role: 'user', content: 'hi' }, question]
  const {
    status,
    json: body,
    text,
  } = await broker.post('/api/v1/chat/completions', { model, stream, messages })
  expect([status, text.slice(0, 300)]).toEqual([200, expect.any(String)])
  if (!stream) return (body as { choices: { message: Message }[] }).choices[0]?.message ?? {}
  return joined(text)
}

/** What a client keeps of a stream: all fields of all deltas. */
function joined(text: string): Message {
  let message: Message = {}
  for (const line of text.split('\n\n')) {
    if (!line.startsWith('data: {')) continue
    const { choices } = JSON.parse(line.slice(6)) as { choices: { delta: Message }[] }
    for (const { delta } of choices) {
      const content = [message['content'], delta['content']]
        .filter((text) => typeof text === 'string')
        .join('')
      message = { ...message, ...delta, content }
    }
  }
  return message
}

describe.each(NAMES)('%s takes the broker’s own response back in the next turn', (name) => {
  test.each(KINDS.flatMap((kind) => [[kind, false] as const, [kind, true] as const]))(
    '%s, streamed: %s',
    async (kind, stream) => {
      const model = `${name}/${modelId(kind)}`
      const message = await firstTurn(model, stream)
      const result = { role: 'tool', tool_call_id: call.id, content: '4' }
      const followUp = kind.endsWith('tools') ? [result] : [{ role: 'user', content: 'and three?' }]
      const messages = [{ role: 'developer', content: 'Be short.' }, question, message, ...followUp]
      const second = await broker.post('/api/v1/chat/completions', { model, messages })
      expect([second.status, second.status === 200 ? '' : second.text]).toEqual([200, ''])
      const sent = upstream.requests.at(-1)?.body as { messages: Message[] }
      const assistant = sent.messages.find(({ role }) => role === 'assistant') ?? {}
      const { thoughts } = ACCEPTED[name]
      if (kind.startsWith('reasoning') && thoughts !== undefined)
        expect(assistant[thoughts]).toBe('two and two')
      if (kind.endsWith('tools'))
        expect(sent.messages.at(-1)?.['tool_call_id']).toBe((assistant['tool_calls'] as Message[])[0]?.['id'])
    },
  )
})
