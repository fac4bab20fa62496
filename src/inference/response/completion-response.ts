import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'
import type { ResponseInfo, ResponseFormatter } from './response-formatter.ts'
import { finishReasonsOf } from './finish-reason.ts'
import { usageJson } from './usage-json.ts'

/** Formats a chat response as a text completion, plain and streamed. */
export function completionFormatter(info: ResponseInfo): ResponseFormatter {
  const finishReasons = new Map<number, object>()
  let reported: unknown
  /** The provider's own `created`, in Unix seconds. */
  let createdAt: number | undefined

  const head = ({ created }: ChatChunk): object => {
    createdAt ??= typeof created === 'number' && Number.isInteger(created) ? created : info.created
    return {
      id: info.id,
      provider: info.provider,
      model: info.model,
      object: 'text_completion',
      created: createdAt,
    }
  }
  const usage = (): object => {
    const counts = info.usage()
    return counts === undefined ? {} : { usage: usageJson(counts, info.costParts(counts), reported) }
  }
  const choiceOf = (choice: ChatChoice, at: number): object => {
    const index = choice.index ?? at
    if (typeof choice.finish_reason === 'string') finishReasons.set(index, finishReasonsOf(choice))
    const { content, reasoning, reasoning_content } = choice.message ?? choice.delta ?? {}
    const thought = reasoning ?? reasoning_content
    return {
      index,
      text: textOf(content),
      logprobs: null,
      ...finishReasonsOf(choice),
      reasoning: typeof thought === 'string' ? thought : null,
    }
  }

  return {
    formatResponse(_json, response) {
      reported = response.usage
      const choices = (response.choices ?? []).map(choiceOf)
      return JSON.stringify({
        ...head(response),
        system_fingerprint: null,
        choices,
        ...usage(),
        openrouter_metadata: info.metadata(),
        x_aibroker: info.envelope(),
      })
    },
    formatChunk(_json, chunk) {
      reported = chunk.usage ?? reported
      const choices = chunk.choices ?? []
      return choices.length === 0
        ? undefined
        : JSON.stringify({ ...head(chunk), choices: choices.map(choiceOf) })
    },
    finalChunk() {
      const choices = [...finishReasons].map(([index, ending]) => ({
        index,
        text: '',
        logprobs: null,
        ...ending,
        reasoning: null,
      }))
      if (info.usage() === undefined) return undefined
      return JSON.stringify({
        ...head({}),
        choices,
        ...usage(),
        openrouter_metadata: info.metadata(),
        x_aibroker: info.envelope(),
      })
    },
  }
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : ''
}
