import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'

/**
 * A plain response as the only chunk of a stream: some providers respond to a request for a stream in one piece, and bill
 * it. Nulls are left out, because a chunk omits fields without a value.
 */
export function responseAsChunk(response: ChatChunk): ChatChunk {
  return {
    ...withoutNulls(response),
    ...(response.object === 'chat.completion' ? { object: 'chat.completion.chunk' } : {}),
    choices: (response.choices ?? []).map(asDelta),
  }
}

/** A choice of a plain response as one of a stream. A text completion has `text` in both forms. A choice without a finish reason gets one, since it is complete. */
export function asDelta({ message, ...choice }: ChatChoice, at = 0): ChatChoice {
  const usual = message?.tool_calls ? 'tool_calls' : 'stop'
  const { finish_reason: reason } = choice
  const ending = { finish_reason: typeof reason === 'string' ? reason : usual }
  if (message === undefined || message === null) return { index: at, ...choice, ...ending }
  const calls = message.tool_calls?.map((call, index) => ({ index, ...call }))
  const delta = calls === undefined ? message : { ...message, tool_calls: calls }
  return { index: at, ...choice, delta: withoutNulls(delta), ...ending }
}

function withoutNulls(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}
