import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'
import type { AnswerFacts, Completer } from './response-formatter.ts'
import { endingOf } from './finish-reason.ts'
import { wireUsageOf } from './usage-json.ts'

/** Formats a chat response as a text completion, plain and streamed. */
export function completionCompleter(facts: AnswerFacts): Completer {
  const ended = new Map<number, object>()
  let said: unknown
  /** The provider's own `created`, in Unix seconds. */
  let createdAt: number | undefined

  const head = ({ created }: ChatChunk): object => {
    createdAt ??= typeof created === 'number' && Number.isInteger(created) ? created : facts.created
    return {
      id: facts.id,
      provider: facts.provider,
      model: facts.model,
      object: 'text_completion',
      created: createdAt,
    }
  }
  const usage = (): object => {
    const counts = facts.usage()
    return counts === undefined ? {} : { usage: wireUsageOf(counts, facts.parts(counts), said) }
  }
  const choiceOf = (choice: ChatChoice, at: number): object => {
    const index = choice.index ?? at
    if (typeof choice.finish_reason === 'string') ended.set(index, endingOf(choice))
    const { content, reasoning, reasoning_content } = choice.message ?? choice.delta ?? {}
    const thought = reasoning ?? reasoning_content
    return {
      index,
      text: textOf(content),
      logprobs: null,
      ...endingOf(choice),
      reasoning: typeof thought === 'string' ? thought : null,
    }
  }

  return {
    answer(_json, response) {
      said = response.usage
      const choices = (response.choices ?? []).map(choiceOf)
      return JSON.stringify({
        ...head(response),
        system_fingerprint: null,
        choices,
        ...usage(),
        openrouter_metadata: facts.metadata(),
        x_aibroker: facts.envelope(),
      })
    },
    chunk(_json, chunk) {
      said = chunk.usage ?? said
      const choices = chunk.choices ?? []
      return choices.length === 0
        ? undefined
        : JSON.stringify({ ...head(chunk), choices: choices.map(choiceOf) })
    },
    last() {
      const choices = [...ended].map(([index, ending]) => ({
        index,
        text: '',
        logprobs: null,
        ...ending,
        reasoning: null,
      }))
      if (facts.usage() === undefined) return undefined
      return JSON.stringify({
        ...head({}),
        choices,
        ...usage(),
        openrouter_metadata: facts.metadata(),
        x_aibroker: facts.envelope(),
      })
    },
  }
}

function textOf(content: unknown): string {
  return typeof content === 'string' ? content : ''
}
