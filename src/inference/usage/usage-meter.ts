import type { Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type CountSource, type Usage } from '../../ledger/types.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'
import { parseWireUsage, usageIn } from '../../wire/openai/usage.ts'
import { isObject, type JsonBody } from '../../wire/json/json-body.ts'
import { TextBuffer } from '../../base/collections/text-buffer.ts'
import { USUAL_IMAGE_TOKENS } from './media/prompt-media.ts'
import { imagesIn, promptTextOf } from './prompt-text.ts'
import { boundsIn, chargeOf, type ChargeBounds, type ReportedCharge } from './reported-charge.ts'
import { readReportedUsage, type UsageDoubt } from './reported-usage.ts'
import { CHARACTERS_PER_TOKEN, MAX_CHARACTERS_PER_TOKEN, MESSAGE_TOKENS } from './token-ratio.ts'

/** The usage that a meter has measured, and where it comes from. */
export interface UsageReading {
  readonly usage: Usage | undefined
  readonly countSource: CountSource
  /** Lower and upper bound, when the counts are not the provider's own. */
  readonly low: Usage | undefined
  readonly high: Usage | undefined
  /** The bounds have their details, which the provider reported; otherwise any token may be of any kind. */
  readonly areDetailed?: boolean | undefined
  /** Why the provider's own counts are bounds only, in one sentence. */
  readonly problem?: string | undefined
  /** Web searches that the provider reported. */
  readonly searches?: number | undefined
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
  readonly #shape: UsageShape | undefined
  #reported: Usage | undefined
  #doubt: UsageDoubt | undefined
  #lastReading: UsageReading | undefined
  /** Tokens of prompt and response together, when that is all that was reported. */
  #total: number | undefined
  #searches = 0
  /** Characters that had been received when the usage was reported, including those of the chunk with the report. */
  #charactersAtReport = 0
  #charge: ReportedCharge | undefined
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
   * @param shape how the provider's usage objects deviate.
   */
  constructor(body: JsonBody, images = 0, shape?: UsageShape) {
    this.#body = body
    this.#images = images
    this.#shape = shape
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
    return this.#coversAll ? this.#charge?.charged : undefined
  }

  /** A router's fee, where the provider behind it is paid apart and its charge is not stated. */
  get fee(): Money | undefined {
    return this.#coversAll ? this.#charge?.fee : undefined
  }

  get #coversAll(): boolean {
    return this.#reported === undefined || this.reported !== undefined
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
    const wire = parseWireUsage(value)
    // Some providers repeat a running total in every chunk: the last one counts.
    if (wire === undefined) return false
    const { usage, total, doubt, searches } = readReportedUsage(wire, this.#shape)
    const charge = chargeOf(wire, value, this.#shape)
    if (this.#reported !== undefined && usage !== undefined && isEmpty(usage, charge)) return false
    this.#isEstimate = isEstimate
    this.#reported = isEstimate || usage === undefined ? undefined : this.#withPrompt(this.#withImages(usage))
    this.#doubt = doubt
    this.#total = isEstimate ? undefined : total
    this.#searches = searches
    this.#charge = charge
    return true
  }

  /** A report that came with earlier batches does not cover this one. */
  #addVectors(isReport: boolean): void {
    this.#hasVectors = true
    this.#chunksWithText++
    if (!isReport) this.#reported = undefined
    // Vectors have no completion, so that the total is the prompt.
    else if (this.#total !== undefined) this.#reported = { ...ZERO_USAGE, prompt: this.#total }
  }

  /** The prompt may be reported at the start of a stream, and only the completion at its end. */
  #withPrompt(usage: Usage): Usage {
    const before = this.#reported
    if (before === undefined || usage.prompt > 0 || usage.completion === 0) return usage
    const { prompt, cachedPrompt, cacheWrite, cacheWrite1h, audioPrompt, imagePrompt } = before
    return { ...usage, prompt, cachedPrompt, cacheWrite, cacheWrite1h, audioPrompt, imagePrompt }
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
    if (reported !== undefined) return this.#reading(reported)
    if (this.#chunksWithText === 0)
      return { usage: undefined, countSource: 'none', low: undefined, high: undefined }
    return { usage: this.#estimate(), countSource: 'bounded', low: undefined, high: undefined }
  }

  /** The same object for the same counts, since several places of a response read them. */
  #reading(usage: Usage): UsageReading {
    if (this.#lastReading?.usage === usage) return this.#lastReading
    this.#lastReading = this.#newReading(usage)
    return this.#lastReading
  }

  #newReading(usage: Usage): UsageReading {
    const searches = this.#searches === 0 ? undefined : this.#searches
    if (this.#doubt === undefined)
      return { usage, countSource: 'reported', low: undefined, high: undefined, searches }
    const { low, high, problem } = this.#doubt
    return {
      usage,
      countSource: 'bounded',
      low: this.#withImages(low),
      high: this.#withImages(high),
      areDetailed: true,
      problem,
      searches,
    }
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
    const bounds = this.#total === undefined ? { low, high } : withinTotal(low, high, this.#total)
    return { usage: within(bounds.low, this.#estimate(), bounds.high), countSource: 'bounded', ...bounds }
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
    const completion = Math.max(this.#textChunks, Math.ceil(this.#characters / CHARACTERS_PER_TOKEN))
    if (this.#total !== undefined && this.#total > completion)
      return this.#counts(this.#total - completion, completion)
    const characters = [...texts, ...extras].reduce((sum, text) => sum + text.length, 0)
    const prompt =
      tokens +
      Math.ceil(characters / CHARACTERS_PER_TOKEN) +
      messages * MESSAGE_TOKENS +
      media * USUAL_IMAGE_TOKENS
    return this.#counts(prompt, completion)
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
export function createUsageMeter(body: JsonBody, { price }: Endpoint, shape?: UsageShape): UsageMeter {
  return new UsageMeter(body, price?.perImage === undefined ? 0 : imagesIn(body), shape)
}

/** Characters of one response that are kept for a tokenizer. */
const MAX_KEPT_CHARACTERS = 400_000
/** A UTF-16 unit is at most three bytes in UTF-8, and a token at least one. */
const MAX_BYTES_PER_CHARACTER = 3
/** Tokens without text: the end of a response, and the marks around a tool call. */
const ENDING_TOKENS = 16
const CALL_TOKENS = 64
/** Tokens that a provider may have generated before it notices that the connection is closed. */
const IN_FLIGHT_TOKENS = 256

/** The counts in the chunk are an estimate of the upstream broker that sent it. */
export function isEstimate({ x_aibroker: envelope }: ChatChunk): boolean {
  return isObject(envelope) && envelope['estimated'] === true
}

/** Zeros at the end of a stream do not take back what was reported before. */
function isEmpty({ prompt, completion }: Usage, { charged, fee }: ReportedCharge): boolean {
  return prompt === 0 && completion === 0 && charged === undefined && fee === undefined
}

function isFilled(text: unknown): boolean {
  return typeof text === 'string' && text !== ''
}

function within(low: Usage, usage: Usage, high: Usage): Usage {
  const clamp = (name: 'prompt' | 'completion'): number =>
    Math.min(Math.max(usage[name], low[name]), high[name])
  return { ...usage, prompt: clamp('prompt'), completion: clamp('completion') }
}

/** The bounds of prompt and response as far as their known sum allows; a sum that contradicts what was seen is ignored. */
function withinTotal(low: Usage, high: Usage, total: number): { readonly low: Usage; readonly high: Usage } {
  if (total < low.prompt + low.completion) return { low, high }
  const top = (name: 'prompt' | 'completion', other: 'prompt' | 'completion'): number =>
    Math.max(Math.min(high[name], total - low[other]), total - high[other])
  const most = { ...high, prompt: top('prompt', 'completion'), completion: top('completion', 'prompt') }
  const least = {
    ...low,
    prompt: Math.max(low.prompt, total - most.completion),
    completion: Math.max(low.completion, total - most.prompt),
  }
  return { low: least, high: most }
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
