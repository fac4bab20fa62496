import { hasOutput, type ChatChoice, type ChatChunk, type ChatDelta } from '../../../wire/openai/chat.ts'

/** Takes away from the chunks of a resuming endpoint what the caller has already received. */
export interface RestOfStream {
  /** The chunk, a part of it, or nothing; `differs` when it contradicts what the caller received. */
  take(chunk: ChatChunk): ChatChunk | undefined | 'differs'
}

/** In characters. Shorter texts are repeated by chance: “ha” is followed by “ha”. */
const MIN_REPETITION = 16

/**
 * For a response that is continued from a prefix: all of it is new but the first chunk with the role. Some endpoints
 * ignore the prefix and repeat it; what looks like a repetition is held back until that is clear, and then left out.
 */
export function restOfContinued(delivered: string): RestOfStream {
  // The length of what is held back; it is the beginning of `delivered`, so that it needs no copy.
  let held = 0
  let isResumed = delivered.length < MIN_REPETITION

  function takeChoice(chunk: ChatChunk, choice: ChatChoice): ChatChunk | undefined {
    const delta = choice.delta ?? {}
    const piece = typeof delta.content === 'string' ? delta.content : ''
    const isOver = typeof choice.finish_reason === 'string' || callsTools(delta)
    const repeated = Math.min(piece.length, delivered.length - held)
    const isSame = delivered.startsWith(piece.slice(0, repeated), held)
    const isRepetition = isSame && held + repeated === delivered.length
    if (!isOver && !isRepetition && isSame) {
      held += repeated
      return undefined
    }
    isResumed = true
    const text = isRepetition ? piece.slice(repeated) : delivered.slice(0, held) + piece
    return { ...chunk, choices: [{ ...choice, delta: { ...delta, content: text } }] }
  }

  return {
    take(chunk) {
      if (!hasOutput(chunk) && !hasUsage(chunk)) return undefined
      const [choice] = chunk.choices ?? []
      return isResumed || choice === undefined ? chunk : takeChoice(chunk, choice)
    },
  }
}

/**
 * For a response that was restarted: held back as long as it repeats what was delivered, then passed on from there.
 * Reasoning that led to the repeated part is left out.
 */
export function restOfRestarted(delivered: string): RestOfStream {
  let at = 0
  let isResumed = false

  function takeChoice(chunk: ChatChunk, choice: ChatChoice): ChatChunk | undefined | 'differs' {
    const delta = choice.delta ?? {}
    const text = typeof delta.content === 'string' ? delta.content : ''
    const repeated = Math.min(text.length, delivered.length - at)
    if (text.slice(0, repeated) !== delivered.slice(at, at + repeated)) return 'differs'
    at += repeated
    const isNew = text.length > repeated || typeof choice.finish_reason === 'string' || callsTools(delta)
    if (at < delivered.length) return isNew ? 'differs' : undefined
    if (!isNew) return undefined
    isResumed = true
    return {
      ...chunk,
      choices: [{ ...choice, delta: { ...withoutReasoning(delta), content: text.slice(repeated) } }],
    }
  }

  return {
    take(chunk) {
      if (isResumed) return chunk
      const [choice, ...others] = chunk.choices ?? []
      if (others.length > 0) return 'differs'
      if (choice !== undefined) return takeChoice(chunk, choice)
      return hasUsage(chunk) ? chunk : undefined
    },
  }
}

function withoutReasoning(delta: ChatDelta): ChatDelta {
  const reasoning = ['reasoning', 'reasoning_content', 'reasoning_details']
  return Object.fromEntries(Object.entries(delta).filter(([field]) => !reasoning.includes(field)))
}

function callsTools({ tool_calls: calls }: ChatDelta): boolean {
  return Array.isArray(calls) && calls.length > 0
}

function hasUsage({ usage }: ChatChunk): boolean {
  return usage !== undefined && usage !== null
}
