import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'
import type { ResponseInfo, ResponseFormatter } from '../response-formatter.ts'
import { finishReasonsOf } from '../finish-reason.ts'
import { usageJson } from '../usage-json.ts'

const SILENT = { index: 0, text: '', logprobs: null, reasoning: null }

/** Formats a chat response as a text completion, plain and streamed. */
export function completionFormatter(info: ResponseInfo): ResponseFormatter {
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
    const { content, reasoning, reasoning_content } = choice.message ?? choice.delta ?? {}
    const thought = reasoning ?? reasoning_content
    return {
      index: choice.index ?? at,
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
        ...(info.shape.hasNullFingerprint ? { system_fingerprint: null } : {}),
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
      if (info.usage() === undefined) return undefined
      return JSON.stringify({
        ...head({}),
        choices: info.shape.usageChoices(SILENT),
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
