import { roundUsd, ZERO, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type CountSource, type Usage } from '../../ledger/types.ts'
import {
  parseWireUsage,
  usageIn,
  type ChatChoice,
  type ChatChunk,
  type WireUsage,
} from '../../wire/openai/chat.ts'
import { isObject, type JsonBody } from '../../wire/json/json-body.ts'
import { TextBuffer } from '../../base/collections/text-buffer.ts'
import { imagesIn, promptTextOf } from './prompt-text.ts'
import { CHARACTERS_PER_TOKEN, MAX_CHARACTERS_PER_TOKEN } from './token-ratio.ts'

/** The usage that a meter has measured, and where it comes from. */
export interface UsageReading {
  readonly usage: Usage | undefined
  readonly countSource: CountSource
  /** Lower and upper bound, when the counts are not the provider's own. */
  readonly low: Usage | undefined
  readonly high: Usage | undefined
}

/** Limits of a response whose usage the provider did not report. */
export interface UsageCeiling {
  /** The maximum that the request can use. */
  readonly bounds: UsageBounds
  /** The model may have used reasoning tokens that it did not show, up to its limit. */
  readonly mayHideReasoning: boolean
  readonly choices: number
  /** The provider may have gone on to the maximum after the response was no longer read. */
  readonly mayGoOn?: boolean | undefined
}

/** What measures the usage of one response; the result can be read at any moment. */
export type Meter = Pick<UsageMeter, keyof UsageMeter>

/** Measures the usage of one response from its chunks. */
export class UsageMeter {
  readonly #body: JsonBody
  readonly #images: number
  #reported: Usage | undefined
  /** Characters that had been received when the usage was reported, including those of the chunk with the report. */
  #charactersAtReport = 0
  #charged: Money | undefined
  #chargedBounds: ChargeBounds | undefined
  /** The report came in a chunk of its own, as the last one does; a running total comes with text. */
  #isReportFinal = false
  /** Embeddings, which may come in parts: a report covers the parts before it. */
  #hasVectors = false
  #isEstimate = false
  #finishReason: string | undefined
  /** UTF-16 units of text received; a chunk with text carries at least one token. */
  #characters = 0
  /** Chunks with text or vectors. */
  #chunksWithText = 0
  #textChunks = 0
  #calls = 0
  /** All received text, for a tokenizer; given up when it is too long. */
  #text: TextBuffer | undefined = new TextBuffer()

  /**
   * @param body the request.
   * @param images the number of images in it, where images have a price of their own.
   */
  constructor(body: JsonBody, images = 0) {
    this.#body = body
    this.#images = images
  }

  get finishReason(): string | undefined {
    return this.#finishReason
  }

  /** All text of the response; `undefined` when it was too long to keep. */
  get text(): string | undefined {
    return this.#text?.toString()
  }

  /** Completion tokens that have surely been used so far: as many as were reported, or as few as the text can have. */
  get minCompletion(): number {
    return Math.max(this.#reported?.completion ?? 0, this.#minTextTokens)
  }

  /** Chunks with text: providers send each token at most once, so that a chunk is believed to have at least one. */
  get textChunks(): number {
    return this.#textChunks
  }

  get #minTextTokens(): number {
    return Math.ceil(this.#characters / MAX_CHARACTERS_PER_TOKEN)
  }

  /**
   * The provider's counts, as far as they cover the whole response. A report before the last text, or one without any tokens
   * for the text or for the prompt, does not, and would make the rest free.
   */
  get reported(): Usage | undefined {
    const reported = this.#reported
    if (reported === undefined || this.#chunksWithText === 0) return reported
    if (reported.prompt === 0) return undefined
    if (this.#characters === 0) return reported
    const isBehind = this.#characters > this.#charactersAtReport
    return isBehind || reported.completion === 0 ? undefined : reported
  }

  /** Whether the report covers a response that was not read to its end: it is no running total, nor that of a part. */
  get isReportFinal(): boolean {
    return this.#isReportFinal || (this.#finishReason !== undefined && !this.#hasVectors)
  }

  /**
   * What the provider reports that it charged; OpenRouter and other instances of this broker do. A charge that comes with
   * counts that do not cover the whole response does not cover it either, and is ignored.
   */
  get charged(): Money | undefined {
    return this.#reported !== undefined && this.reported === undefined ? undefined : this.#charged
  }

  /** The counts are an estimate that an upstream broker passed on, because its provider reported none. */
  get isEstimate(): boolean {
    return this.#isEstimate
  }

  /** How far the charge is uncertain, where another instance of this broker states it. */
  get chargedBounds(): ChargeBounds | undefined {
    return this.#chargedBounds
  }

  /** Measures one chunk, or an unstreamed response. */
  watch(chunk: ChatChunk): void {
    const usage = usageIn(chunk)
    if (chunk.x_aibroker !== undefined) this.#chargedBounds = boundsIn(chunk) ?? this.#chargedBounds
    const isReport = usage !== undefined && usage !== null && this.#addUsage(usage, isEstimate(chunk))
    if (Array.isArray(chunk.data)) this.#addVectors(isReport)
    for (const choice of chunk.choices ?? []) this.#watchChoice(choice)
    if (!isReport) return
    this.#charactersAtReport = this.#characters
    this.#isReportFinal = !this.#hasVectors && (chunk.choices ?? []).length === 0
  }

  #addUsage(value: unknown, isEstimate: boolean): boolean {
    const usage = parseWireUsage(value)
    // Some providers repeat a running total in every chunk: the last one counts.
    if (usage === undefined) return false
    this.#isEstimate = isEstimate
    this.#reported = isEstimate ? undefined : this.#withImages(usageOfWire(usage))
    this.#charged = isCharge(usage.cost) ? roundUsd(usage.cost) : undefined
    return true
  }

  /** A report that came with earlier batches does not cover this one. */
  #addVectors(isReport: boolean): void {
    this.#hasVectors = true
    this.#chunksWithText++
    if (!isReport) this.#reported = undefined
  }

  #withImages(usage: Usage): Usage {
    return this.#images === 0 ? usage : { ...usage, images: this.#images }
  }

  #watchChoice(choice: ChatChoice): void {
    if (typeof choice.finish_reason === 'string') this.#finishReason = choice.finish_reason
    const characters = this.#addText(choice)
    if (characters === 0) return
    this.#characters += characters
    this.#chunksWithText++
    this.#textChunks++
  }

  /** Keeps the text of a choice and returns its length. */
  #addText(choice: ChatChoice): number {
    let characters = 0
    for (const text of textsIn(choice)) {
      if (typeof text !== 'string' || text === '') continue
      characters += text.length
      this.#text?.add(text)
    }
    const calls = (choice.delta ?? choice.message)?.tool_calls
    if (Array.isArray(calls)) for (const call of calls) if (isFilled(call.function?.name)) this.#calls++
    if (this.#characters > MAX_KEPT_CHARACTERS) this.#text = undefined
    return characters
  }

  /** The usage as far as it is known now; without a report it is an estimate, as soon as there was any text. */
  read(): UsageReading {
    const { reported } = this
    if (reported !== undefined)
      return { usage: reported, countSource: 'reported', low: undefined, high: undefined }
    if (this.#chunksWithText === 0)
      return { usage: undefined, countSource: 'none', low: undefined, high: undefined }
    return { usage: this.#estimate(), countSource: 'bounded', low: undefined, high: undefined }
  }

  /**
   * Without a report, the counts are bounded by what was sent and received. That can be the prompt alone, because a provider
   * may bill it before the first text.
   */
  bounds(ceiling: UsageCeiling): UsageReading {
    const { texts, tokens } = promptTextOf(this.#body)
    const characters = texts.reduce((sum, text) => sum + text.length, 0)
    const low = this.#counts(tokens + Math.ceil(characters / MAX_CHARACTERS_PER_TOKEN), this.#minTextTokens)
    const { maxPromptTokens } = ceiling.bounds
    const high = this.#hasVectors
      ? this.#withImages({ ...ZERO_USAGE, prompt: maxPromptTokens })
      : this.#counts(maxPromptTokens, this.#maxCompletion(ceiling))
    return { usage: within(low, this.#estimate(), high), countSource: 'bounded', low, high }
  }

  #maxCompletion({ bounds, mayHideReasoning, mayGoOn, choices }: UsageCeiling): number {
    const requested = bounds.maxCompletionTokens
    const seen = this.#characters * MAX_BYTES_PER_CHARACTER + this.maxNonTextTokens(choices)
    // A model that exceeds the requested maximum keeps to no limit.
    const believed = Math.max(this.#characters / CHARACTERS_PER_TOKEN, this.#textChunks)
    if (believed > requested) return mayHideReasoning ? seen + requested : seen
    const isAnyLength = mayHideReasoning || mayGoOn === true || this.#characters === 0
    return isAnyLength ? requested : Math.min(seen, requested)
  }

  /** Maximum number of completion tokens that are not text. */
  maxNonTextTokens(choices: number): number {
    const underWay = this.#finishReason === undefined ? IN_FLIGHT_TOKENS : 0
    return choices * ENDING_TOKENS + this.#calls * CALL_TOKENS + underWay
  }

  /** An estimate by rules of thumb. */
  #estimate(): Usage {
    const { texts, extras, tokens, messages, media } = promptTextOf(this.#body)
    const characters = [...texts, ...extras].reduce((sum, text) => sum + text.length, 0)
    return this.#counts(
      tokens +
        Math.ceil(characters / CHARACTERS_PER_TOKEN) +
        messages * MESSAGE_TOKENS +
        media * MEDIA_TOKENS,
      Math.max(this.#textChunks, Math.ceil(this.#characters / CHARACTERS_PER_TOKEN)),
    )
  }

  /** A report that does not cover the whole response still covers the whole prompt. */
  #counts(prompt: number, completion: number): Usage {
    const reported = this.#reported
    if (reported !== undefined && reported.prompt > 0)
      return { ...reported, completion: Math.max(completion, reported.completion) }
    return this.#withImages({ ...ZERO_USAGE, prompt, completion })
  }
}

/** A meter for one request to `endpoint`. Images are counted only where each of them has a price. */
export function createUsageMeter(body: JsonBody, { price }: Endpoint): UsageMeter {
  return new UsageMeter(body, price?.perImage === undefined ? 0 : imagesIn(body))
}

/** Characters of one response that are kept for a tokenizer. */
const MAX_KEPT_CHARACTERS = 400_000
/** Tokens that a chat template puts around a message. */
const MESSAGE_TOKENS = 4
/** What OpenAI counts for a square image in high detail. */
const MEDIA_TOKENS = 765
/** A UTF-16 unit is at most three bytes in UTF-8, and a token at least one. */
const MAX_BYTES_PER_CHARACTER = 3
/** Tokens without text: the end of a response, and the marks around a tool call. */
const ENDING_TOKENS = 16
const CALL_TOKENS = 64
/** Tokens that a provider may have generated before it notices that the connection is closed. */
const IN_FLIGHT_TOKENS = 256

/** US dollars: more than any response costs, and less than a row of the ledger can hold. */
const MAX_CHARGED = 1_000_000

/** Whether a provider's figure can be the cost of one response, in US dollars. */
export function isCharge(usd: unknown): usd is number {
  return typeof usd === 'number' && usd >= 0 && usd <= MAX_CHARGED
}

/** Lower and upper bound of a charge; without the upper one it may be any. */
export interface ChargeBounds {
  readonly low: Money
  readonly high: Money | undefined
}

/** The bounds of its charge that another instance of this broker states. */
export function boundsIn({ x_aibroker: envelope }: ChatChunk): ChargeBounds | undefined {
  if (!isObject(envelope)) return undefined
  const { cost_low: low, cost_high: high, unpriced } = envelope
  if (!isCharge(low) && !isCharge(high) && unpriced !== true) return undefined
  return {
    low: isCharge(low) ? roundUsd(low) : ZERO,
    high: isCharge(high) && unpriced !== true ? roundUsd(high) : undefined,
  }
}

/** The counts in the chunk are an estimate of the upstream broker that sent it. */
export function isEstimate({ x_aibroker: envelope }: ChatChunk): boolean {
  return isObject(envelope) && envelope['estimated'] === true
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

/** All parts of a choice that completion tokens were spent on. */
function textsIn({ delta, message, text }: ChatChoice): unknown[] {
  if (typeof text === 'string') return [text]
  const part = delta ?? message
  if (part === null || part === undefined) return []
  const { content, refusal, tool_calls: calls, function_call: call, audio } = part
  const texts: unknown[] = [content, part.reasoning ?? part.reasoning_content, refusal]
  if (Array.isArray(content)) addPartsOf(content, texts)
  // Reasoning that is repeated in its details counts once.
  if (typeof texts[1] !== 'string' && Array.isArray(part.reasoning_details))
    addPartsOf(part.reasoning_details, texts)
  if (calls !== undefined && calls !== null)
    for (const each of calls) texts.push(each.function?.name, each.function?.arguments)
  if (call !== undefined && call !== null) texts.push(call.name, call.arguments)
  if (audio !== undefined && audio !== null) texts.push(audio.transcript)
  return texts
}

/** Adds the texts of a list of parts, which some providers send instead of one text. */
function addPartsOf(parts: readonly unknown[], texts: unknown[]): void {
  for (const part of parts) {
    if (!isObject(part)) continue
    const { text, thinking, summary } = part
    texts.push(text, summary)
    if (!Array.isArray(thinking)) texts.push(thinking)
    else for (const thought of thinking) if (isObject(thought)) texts.push(thought['text'])
  }
}
