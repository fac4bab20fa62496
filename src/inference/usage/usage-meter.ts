import { nearestMoney, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type CountSource, type Usage } from '../../ledger/types.ts'
import { parseWireUsage, type ChatChoice, type ChatChunk, type WireUsage } from '../../wire/openai/chat.ts'
import { isObject, type JsonBody } from '../../wire/json/json-body.ts'
import { KeptText } from '../../base/collections/text-buffer.ts'
import { imagesIn, promptTextOf } from './prompt-text.ts'

/** What a meter read, and how it knows. */
export interface Reading {
  readonly usage: Usage | undefined
  readonly countSource: CountSource
  /** When the counts are not the provider's own: the least and the most they can be. */
  readonly low: Usage | undefined
  readonly high: Usage | undefined
}

/** What bounds an answer whose counts nobody reported. */
export interface Ceiling {
  /** The most that the request can use. */
  readonly most: UsageBounds
  /** The model may have thought without showing it, up to its bound. */
  readonly mayThinkUnseen: boolean
  readonly choices: number
}

/** Watches what an endpoint answers and knows the counts at any moment. */
export class Meter {
  readonly #body: JsonBody
  readonly #images: number
  #reported: Usage | undefined
  /** Characters that had gone by when that was reported, those of its own chunk among them. */
  #charactersReported = 0
  #charged: Money | undefined
  #isEstimate = false
  #finishReason: string | undefined
  /** UTF-16 units of answer that went by; a chunk carries at least one token. */
  #characters = 0
  #chunksWithText = 0
  #calls = 0
  /** What was said, for a tokenizer; given up when it is too long. */
  #said: KeptText | undefined = new KeptText()

  /**
   * @param body what was asked.
   * @param images pictures in it, where they have a price of their own.
   */
  constructor(body: JsonBody, images = 0) {
    this.#body = body
    this.#images = images
  }

  get finishReason(): string | undefined {
    return this.#finishReason
  }

  /** All text of the answer; `undefined` when it was too long to keep. */
  get said(): string | undefined {
    return this.#said?.toString()
  }

  /** A fair guess of the tokens so far, never far below: a chunk with text has one at least. */
  get completionSoFar(): number {
    return (
      this.reported?.completion ?? Math.max(this.#chunksWithText, this.#characters / CHARACTERS_PER_TOKEN)
    )
  }

  /**
   * The provider's counts of all that it said. What it reports before its last word, or with no token for its words or for
   * what was asked, is not of the whole answer, and would book the rest as free.
   */
  get reported(): Usage | undefined {
    const reported = this.#reported
    if (reported === undefined || this.#chunksWithText === 0) return reported
    if (reported.prompt === 0) return undefined
    if (this.#characters === 0) return reported
    const isBehind = this.#characters > this.#charactersReported
    return isBehind || reported.completion === 0 ? undefined : reported
  }

  /**
   * What the provider says that it charged, in nano-dollars; OpenRouter and brokers of our own kind do. What it says beside
   * counts that are not of the whole answer isn't either.
   */
  get charged(): Money | undefined {
    return this.#reported !== undefined && this.reported === undefined ? undefined : this.#charged
  }

  /** A broker above us passed on a guess of its own: nobody reported to it either. */
  get isEstimate(): boolean {
    return this.#isEstimate
  }

  watch(chunk: ChatChunk): void {
    const { usage = null } = chunk
    const isReport = usage !== null && this.#takeUsage(usage, isEstimate(chunk))
    if (Array.isArray(chunk.data)) this.#takeVectors(isReport)
    for (const choice of chunk.choices ?? []) this.#watchChoice(choice)
    if (isReport) this.#charactersReported = this.#characters
  }

  #takeUsage(value: unknown, isEstimate: boolean): boolean {
    const usage = parseWireUsage(value)
    // Some providers repeat a running total in every chunk: the last one counts.
    if (usage === undefined) return false
    this.#isEstimate = isEstimate
    this.#reported = isEstimate ? undefined : this.#withImages(usageOfWire(usage))
    this.#charged = isCharge(usage.cost) ? nearestMoney(usage.cost) : undefined
    return true
  }

  /** Counts of the batches before are not of this one. */
  #takeVectors(isReport: boolean): void {
    this.#chunksWithText++
    if (!isReport) this.#reported = undefined
  }

  #withImages(usage: Usage): Usage {
    return this.#images === 0 ? usage : { ...usage, images: this.#images }
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
      this.#said?.add(text)
    }
    const calls = (choice.delta ?? choice.message)?.tool_calls
    if (Array.isArray(calls)) for (const call of calls) if (isFilled(call.function?.name)) this.#calls++
    if (this.#characters > MOST_KEPT) this.#said = undefined
    return characters
  }

  /** The counts as far as they are known now; without a report a guess, once there was a word. */
  read(): Reading {
    const { reported } = this
    if (reported !== undefined)
      return { usage: reported, countSource: 'reported', low: undefined, high: undefined }
    if (this.#chunksWithText === 0)
      return { usage: undefined, countSource: 'none', low: undefined, high: undefined }
    return { usage: this.#guess(), countSource: 'bounded', low: undefined, high: undefined }
  }

  /**
   * Without a report, what went by bounds the counts, be it the prompt alone: for what was asked may be billed before the
   * first word.
   */
  bounds(ceiling: Ceiling): Reading {
    const { texts, tokens } = promptTextOf(this.#body)
    const characters = texts.reduce((sum, text) => sum + text.length, 0)
    const low = this.#counts(
      tokens + Math.ceil(characters / MOST_CHARACTERS_PER_TOKEN),
      Math.ceil(this.#characters / MOST_CHARACTERS_PER_TOKEN),
    )
    const high = this.#counts(ceiling.most.promptTokensAtMost, this.#completionAtMost(ceiling))
    return { usage: within(low, this.#guess(), high), countSource: 'bounded', low, high }
  }

  #completionAtMost({ most, mayThinkUnseen, choices }: Ceiling): number {
    const asked = most.completionTokensAtMost
    const seen = this.#characters * MOST_BYTES_PER_CHARACTER + this.wordlessAtMost(choices)
    // Who says more than it was asked for keeps to no bound.
    if (this.#characters / CHARACTERS_PER_TOKEN > asked) return mayThinkUnseen ? seen + asked : seen
    return mayThinkUnseen || this.#characters === 0 ? asked : Math.min(seen, asked)
  }

  /** Tokens of the answer that are none of its text. */
  wordlessAtMost(choices: number): number {
    const underWay = this.#finishReason === undefined ? UNDER_WAY_TOKENS : 0
    return choices * ENDING_TOKENS + this.#calls * CALL_TOKENS + underWay
  }

  /** By rules of thumb. */
  #guess(): Usage {
    const { texts, extras, tokens, messages, media } = promptTextOf(this.#body)
    const characters = [...texts, ...extras].reduce((sum, text) => sum + text.length, 0)
    return this.#counts(
      tokens +
        Math.ceil(characters / CHARACTERS_PER_TOKEN) +
        messages * MESSAGE_TOKENS +
        media * MEDIA_TOKENS,
      Math.ceil(this.#characters / CHARACTERS_PER_TOKEN),
    )
  }

  /** A report that isn't of the whole answer is of the whole prompt all the same. */
  #counts(prompt: number, completion: number): Usage {
    const reported = this.#reported
    if (reported !== undefined && reported.prompt > 0)
      return { ...reported, completion: Math.max(completion, reported.completion) }
    return this.#withImages({ ...ZERO_USAGE, prompt, completion })
  }
}

/** Pictures are only looked for where each has its price. */
export function meterOf(body: JsonBody, { price }: Endpoint): Meter {
  return new Meter(body, price?.perImage === undefined ? 0 : imagesIn(body))
}

/** Characters of one answer that are kept for a tokenizer. */
const MOST_KEPT = 400_000
/** OpenAI's rule of thumb for English text. */
const CHARACTERS_PER_TOKEN = 4
/** What a chat template puts around a message. */
const MESSAGE_TOKENS = 4
/** What OpenAI counts for a square picture in high detail. */
const MEDIA_TOKENS = 765
/** The longest tokens of cl100k and o200k, rows of spaces, have so many; the low bound rests on it. */
const MOST_CHARACTERS_PER_TOKEN = 128
/** A UTF-16 unit is at most three bytes in UTF-8, and a token at least one. */
const MOST_BYTES_PER_CHARACTER = 3
/** Tokens that say nothing: the end of an answer, and what marks a call in it. */
const ENDING_TOKENS = 16
const CALL_TOKENS = 64
/** What a provider may have said already when it hears that nobody listens any more. */
const UNDER_WAY_TOKENS = 256

/** More dollars than any answer costs, and fewer than a row of the ledger holds. */
const MOST_CHARGED = 1_000_000

function isCharge(usd: unknown): usd is number {
  return typeof usd === 'number' && usd >= 0 && usd <= MOST_CHARGED
}

/** The counts in it are a guess of the broker's that answered. */
export function isEstimate({ x_aibroker: told }: ChatChunk): boolean {
  return isObject(told) && told['estimated'] === true
}

/** OpenAI's counts under our names. */
function usageOfWire(wire: WireUsage): Usage {
  const prompt = wire.prompt_tokens_details
  const completion = wire.completion_tokens_details
  return {
    prompt: wire.prompt_tokens ?? 0,
    completion: wire.completion_tokens ?? 0,
    cachedPrompt: prompt?.cached_tokens ?? wire.prompt_cache_hit_tokens ?? 0,
    cacheWrite: prompt?.cache_write_tokens ?? 0,
    reasoning: completion?.reasoning_tokens ?? 0,
    audioPrompt: prompt?.audio_tokens ?? 0,
    audioCompletion: completion?.audio_tokens ?? 0,
    imagePrompt: prompt?.image_tokens ?? undefined,
  }
}

function isFilled(text: unknown): boolean {
  return typeof text === 'string' && text !== ''
}

function within(low: Usage, usage: Usage, high: Usage): Usage {
  const clamp = (name: 'prompt' | 'completion'): number =>
    Math.min(Math.max(usage[name], low[name]), high[name])
  return { ...usage, prompt: clamp('prompt'), completion: clamp('completion') }
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
