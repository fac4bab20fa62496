import {
  chatChunk,
  done,
  finishChunk,
  sse,
  usageChunk,
  type ReceivedRequest,
  type Step,
} from './scripted-upstream.ts'

/** Reported with each response. */
export const TOOL_MODEL_USAGE = { prompt_tokens: 9000, completion_tokens: 20, total_tokens: 9020 }

interface ChatBody {
  readonly messages: readonly { readonly role: string }[]
  readonly tools?: readonly { readonly function: { readonly name: string } }[]
}

/** A model that calls the first tool it is offered of these, by name, with its arguments, and says so once it has the result. */
export function toolCallingModel(
  calls: Readonly<Record<string, object>>,
): (request: ReceivedRequest) => readonly Step[] {
  const usage = usageChunk(TOOL_MODEL_USAGE)
  return ({ body }) => {
    const { messages, tools = [] } = body as ChatBody
    const offered = tools.map(({ function: { name } }) => name).find((name) => name in calls)
    const isDone = messages.some(({ role }) => role === 'tool')
    if (isDone || offered === undefined)
      return [sse(chatChunk('The file is '), chatChunk('written.'), finishChunk(), usage, done)]
    const called = { name: offered, arguments: JSON.stringify(calls[offered]) }
    const delta = { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: called }] }
    const chunk = { ...chatChunk(''), choices: [{ index: 0, delta, finish_reason: null }] }
    return [sse(chunk, finishChunk('tool_calls'), usage, done)]
  }
}
