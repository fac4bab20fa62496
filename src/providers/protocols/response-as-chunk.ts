import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'

/**
 * A whole answer as the only chunk of a stream: some providers answer a request for a stream in one piece, and bill it.
 * Nulls go, for a chunk leaves out what it has nothing to say of.
 */
export function answerAsChunk(answer: ChatChunk): ChatChunk {
  return {
    ...withoutNulls(answer),
    ...(answer.object === 'chat.completion' ? { object: 'chat.completion.chunk' } : {}),
    choices: (answer.choices ?? []).map(asDelta),
  }
}

/** A text completion says `text` in both forms; an answer that doesn't say how it ended is at its end all the same. */
function asDelta({ message, ...choice }: ChatChoice, at: number): ChatChoice {
  const usual = message?.tool_calls ? 'tool_calls' : 'stop'
  const { finish_reason: reason } = choice
  const ending = { finish_reason: typeof reason === 'string' ? reason : usual }
  if (message === undefined || message === null) return { index: at, ...choice, ...ending }
  const calls = message.tool_calls?.map((call, index) => ({ index, ...call }))
  const said = calls === undefined ? message : { ...message, tool_calls: calls }
  return { index: at, ...choice, delta: withoutNulls(said), ...ending }
}

function withoutNulls(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}
