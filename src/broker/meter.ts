import { nearestMoney, type Money } from '../base/money.ts'
import type { CountSource, Usage } from '../ledger/ledger-types.ts'
import { parseWireUsage, type ChatChoice, type ChatChunk } from '../wire/chat.ts'
import { usageOfWire } from './usage.ts'

/** What a meter read, and how it knows. */
export interface Reading {
  readonly usage: Usage | undefined
  readonly countSource: CountSource
  /** When the counts are not the provider's own: the least and the most they can be. */
  readonly low: Usage | undefined
  readonly high: Usage | undefined
}

/** Watches what an endpoint answers and knows the counts at any moment. */
export class Meter {
  readonly #promptBytes: number
  #reported: Usage | undefined
  #charged: Money | undefined
  #finishReason: string | undefined
  /** Characters of answer that went by; a chunk carries at least one token. */
  #characters = 0
  #chunksWithText = 0
  /** What was said, for a tokenizer; given up when it is too long. */
  #said: string[] | undefined = []

  /** @param promptBytes size of the request body: no token is shorter than a byte. */
  constructor(promptBytes: number) {
    this.#promptBytes = promptBytes
  }

  get finishReason(): string | undefined {
    return this.#finishReason
  }

  /** All text of the answer; `undefined` when it was too long to keep. */
  get said(): string | undefined {
    return this.#said?.join('')
  }

  /** A fair guess of the tokens so far, never far below: a chunk with text has one at least. */
  get completionSoFar(): number {
    return (
      this.#reported?.completion ?? Math.max(this.#chunksWithText, this.#characters / CHARACTERS_PER_TOKEN)
    )
  }

  get reported(): Usage | undefined {
    return this.#reported
  }

  /** What the provider says that it charged, in nano-dollars; OpenRouter and brokers of our own kind do. */
  get charged(): Money | undefined {
    return this.#charged
  }

  watch(chunk: ChatChunk): void {
    if (chunk.usage !== undefined && chunk.usage !== null) this.#takeUsage(chunk.usage)
    if (Array.isArray(chunk.data)) this.#chunksWithText++
    for (const choice of chunk.choices ?? []) this.#watchChoice(choice)
  }

  #takeUsage(value: unknown): void {
    const usage = parseWireUsage(value)
    // Some providers repeat a running total in every chunk: the last one counts.
    if (usage === undefined) return
    this.#reported = usageOfWire(usage)
    if (typeof usage.cost === 'number' && usage.cost >= 0) this.#charged = nearestMoney(usage.cost)
  }

  #watchChoice(choice: ChatChoice): void {
    if (typeof choice.finish_reason === 'string') this.#finishReason = choice.finish_reason
    const characters = this.#takeText(choice)
    if (characters === 0) return
    this.#characters += characters
    this.#chunksWithText++
  }

  /** Keeps the text of a choice and returns its length. */
  #takeText(choice: ChatChoice): number {
    let characters = 0
    for (const text of textsIn(choice)) {
      if (typeof text !== 'string' || text === '') continue
      characters += text.length
      this.#said?.push(text)
    }
    if (this.#characters > MOST_KEPT) this.#said = undefined
    return characters
  }

  /** The counts as far as they are known now. Without a report they are bounded by what went by. */
  read(): Reading {
    if (this.#reported !== undefined) {
      return { usage: this.#reported, countSource: 'reported', low: undefined, high: undefined }
    }
    if (this.#chunksWithText === 0)
      return { usage: undefined, countSource: 'none', low: undefined, high: undefined }
    return this.bounds()
  }

  /** What went by bounds the counts, be it the prompt alone: for what was asked may be billed before the first word. */
  bounds(): Reading {
    return {
      usage: counts(this.#promptBytes / CHARACTERS_PER_TOKEN, this.#characters / CHARACTERS_PER_TOKEN),
      countSource: 'bounded',
      low: counts(
        this.#promptBytes / MOST_CHARACTERS_PER_TOKEN,
        this.#characters / MOST_CHARACTERS_PER_TOKEN,
      ),
      high: counts(this.#promptBytes, this.#characters * MOST_BYTES_PER_CHARACTER),
    }
  }
}

/** Characters of one answer that are kept for a tokenizer. */
const MOST_KEPT = 400_000
/** OpenAI's rule of thumb for English text. */
const CHARACTERS_PER_TOKEN = 4
/** Hardly any text gets more than this out of a token; the low bound rests on it. */
const MOST_CHARACTERS_PER_TOKEN = 12
/** A character is at most four bytes in UTF-8, and a token at least one. */
const MOST_BYTES_PER_CHARACTER = 4

function counts(prompt: number, completion: number): Usage {
  return {
    prompt: Math.ceil(prompt),
    completion: Math.ceil(completion),
    cachedPrompt: 0,
    cacheWrite: 0,
    reasoning: 0,
    audioPrompt: 0,
    audioCompletion: 0,
  }
}

/** Everything of a choice that tokens were spent on. */
function textsIn({ delta, message, text }: ChatChoice): unknown[] {
  if (typeof text === 'string') return [text]
  const said = delta ?? message
  if (said === null || said === undefined) return []
  const texts: unknown[] = [said.content, said.reasoning ?? said.reasoning_content, said.refusal]
  for (const call of said.tool_calls ?? []) texts.push(call.function?.name, call.function?.arguments)
  return texts
}
