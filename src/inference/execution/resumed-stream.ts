import { saysSomething, type ChatChoice, type ChatChunk, type ChatDelta } from '../../wire/openai/chat.ts'

/** What is left of a rescuer's chunk for the caller: all, a part, nothing; or it says something else than the caller was told. */
export interface Replay {
  take(chunk: ChatChunk): ChatChunk | undefined | 'differs'
}

/** Shorter beginnings come again by chance: “ha” is followed by “ha”. */
const LEAST_REPETITION = 16

/**
 * For an answer that is continued: everything is new but the opening formalities. Some endpoints don't know what to do
 * with a beginning and say it again; what looks like it is held back until that is clear, and then not told twice.
 */
export function continued(told: string): Replay {
  // What is held back is told up to here: the same text, so it needs no copy.
  let held = 0
  let isThrough = told.length < LEAST_REPETITION

  function takeChoice(chunk: ChatChunk, choice: ChatChoice): ChatChunk | undefined {
    const delta = choice.delta ?? {}
    const piece = typeof delta.content === 'string' ? delta.content : ''
    const isOver = typeof choice.finish_reason === 'string' || callsTools(delta)
    const repeated = Math.min(piece.length, told.length - held)
    const isSame = told.startsWith(piece.slice(0, repeated), held)
    const isRepetition = isSame && held + repeated === told.length
    if (!isOver && !isRepetition && isSame) {
      held += repeated
      return undefined
    }
    isThrough = true
    const text = isRepetition ? piece.slice(repeated) : told.slice(0, held) + piece
    return { ...chunk, choices: [{ ...choice, delta: { ...delta, content: text } }] }
  }

  return {
    take(chunk) {
      if (!saysSomething(chunk) && !hasUsage(chunk)) return undefined
      const [choice] = chunk.choices ?? []
      return isThrough || choice === undefined ? chunk : takeChoice(chunk, choice)
    },
  }
}

/**
 * For an answer that began anew: held back as long as it repeats what was told, then passed on from there. Thoughts that
 * led to the repeated part are not told twice.
 */
export function compared(told: string): Replay {
  let at = 0
  let isThrough = false

  function takeChoice(chunk: ChatChunk, choice: ChatChoice): ChatChunk | undefined | 'differs' {
    const delta = choice.delta ?? {}
    const text = typeof delta.content === 'string' ? delta.content : ''
    const repeated = Math.min(text.length, told.length - at)
    if (text.slice(0, repeated) !== told.slice(at, at + repeated)) return 'differs'
    at += repeated
    const goesOn = text.length > repeated || typeof choice.finish_reason === 'string' || callsTools(delta)
    if (at < told.length) return goesOn ? 'differs' : undefined
    if (!goesOn) return undefined
    isThrough = true
    return {
      ...chunk,
      choices: [{ ...choice, delta: { ...thoughtless(delta), content: text.slice(repeated) } }],
    }
  }

  return {
    take(chunk) {
      if (isThrough) return chunk
      const [choice, ...others] = chunk.choices ?? []
      if (others.length > 0) return 'differs'
      if (choice !== undefined) return takeChoice(chunk, choice)
      return hasUsage(chunk) ? chunk : undefined
    },
  }
}

function thoughtless(delta: ChatDelta): ChatDelta {
  const thoughts = ['reasoning', 'reasoning_content', 'reasoning_details']
  return Object.fromEntries(Object.entries(delta).filter(([field]) => !thoughts.includes(field)))
}

function callsTools({ tool_calls: calls }: ChatDelta): boolean {
  return Array.isArray(calls) && calls.length > 0
}

function hasUsage({ usage }: ChatChunk): boolean {
  return usage !== undefined && usage !== null
}
