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

export const MODEL = 'm'
/** A model of another provider, which refuses every request for a minute. */
export const BUSY_MODEL = 'busy'
/** Models with endpoints of their own, so that the circuit of one that breaks is not open for the next test. */
export const BREAKING_MODELS = Array.from({ length: 12 }, (_, at) => `breaking${at}`)

/** A models file with these models. */
export function modelsFile(baseUrl: string, busyUrl: string): string {
  const row = (model: string, provider: string) =>
    `  ${model}: {capabilities: [tool_calling], backends: [{provider: ${provider}, model_id: ${model}, input_cost: 1, output_cost: 1}]}\n`
  return (
    `providers:\n  acme: {base_url: ${baseUrl}, key_env: KEY}\n  full: {base_url: ${busyUrl}, key_env: KEY}\nmodels:\n` +
    [MODEL, ...BREAKING_MODELS].map((model) => row(model, 'acme')).join('') +
    row(BUSY_MODEL, 'full')
  )
}
const USAGE = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }
const CALL = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ghent"}' } }

const piece = (delta: object) => ({ ...chatChunk(''), choices: [{ index: 0, delta, finish_reason: null }] })

const CALL_CHUNKS = [
  piece({
    role: 'assistant',
    content: null,
    tool_calls: [{ index: 0, ...CALL, function: { name: 'weather', arguments: '' } }],
  }),
  piece({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
  piece({ tool_calls: [{ index: 0, function: { arguments: '"Ghent"}' } }] }),
  finishChunk('tool_calls'),
]

/** A provider that responds by the last message of the user, `hello`, `tools` or `long`, and breaks every stream of some models. */
export function scenes({ body }: ReceivedRequest): readonly Step[] {
  const { model, stream, messages } = body as {
    model: string
    stream?: boolean
    messages: readonly unknown[]
  }
  const asked = JSON.stringify(messages.at(-1))
  if (asked.includes('long'))
    return [json(400, { error: { message: 'too long', code: 'context_length_exceeded' } })]
  const isCall = asked.includes('tools')
  if (stream !== true) return [json(200, whole(isCall))]
  if (BREAKING_MODELS.includes(model)) return [sse(chatChunk('Hel')), cut]
  const chunks = isCall ? CALL_CHUNKS : [chatChunk('Hel'), chatChunk('lo'), finishChunk()]
  return [sse(...chunks, usageChunk(USAGE), done)]
}

function whole(isCall: boolean): object {
  const message = isCall
    ? { role: 'assistant', content: null, tool_calls: [CALL] }
    : { role: 'assistant', content: 'Hello' }
  const finish_reason = isCall ? 'tool_calls' : 'stop'
  const choices = [{ index: 0, message, finish_reason, logprobs: null }]
  return { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices, usage: USAGE }
}

/** The provider of `BUSY_MODEL`. */
export const busy: readonly Step[] = [json(429, { error: { message: 'slow down' } }, { 'retry-after': '60' })]
