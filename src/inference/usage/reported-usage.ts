import type { Usage } from '../../ledger/types.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import type { WireUsage } from '../../wire/openai/usage.ts'

/** What a provider reported that it used, checked against its own total. */
export interface ReportedUsage {
  /** Absent when only a total was reported. */
  readonly usage: Usage | undefined
  /** Tokens of prompt and response together, when nothing else was reported. */
  readonly total?: number | undefined
  /** Present when the counts contradict each other. */
  readonly doubt?: UsageDoubt | undefined
  /** Web searches, which are charged apart from tokens. */
  readonly searches: number
}

/** The least and the most that counts can mean which do not add up. */
export interface UsageDoubt {
  readonly low: Usage
  readonly high: Usage
  /** What does not add up, in one sentence. */
  readonly problem: string
}

/** Reads a usage object by what is known of its vendor; what is not known, the total decides. */
export function readReportedUsage(wire: WireUsage, shape?: UsageShape): ReportedUsage {
  const searches = maxOf(
    wire.num_search_queries,
    wire.num_sources_used,
    wire.server_tool_use?.web_search_requests,
  )
  const counts = countsOf(wire)
  const { prompt, completion, total } = counts
  if (prompt === 0 && completion === 0 && total !== undefined) return { usage: undefined, total, searches }
  const { usage, doubt } = checked(counts, shape ?? NO_SHAPE, hasCacheBeside(wire))
  return { usage, doubt, searches }
}

const NO_SHAPE: UsageShape = {}

/** The counts under one name each. */
interface Counts {
  readonly prompt: number
  readonly completion: number
  /** Absent when it was not reported, also as 0. */
  readonly total: number | undefined
  readonly reasoning: number
  readonly cached: number
  readonly written: number
  readonly writtenForAnHour: number | undefined
  readonly audioPrompt: number
  readonly audioCompletion: number
  readonly imagePrompt: number | undefined
}

function countsOf(wire: WireUsage): Counts {
  const ofPrompt = wire.prompt_tokens_details ?? wire.input_tokens_details
  const ofCompletion = wire.completion_tokens_details ?? wire.output_tokens_details
  const total = wire.total_tokens === 0 ? undefined : (wire.total_tokens ?? undefined)
  const prompt = firstPositive(wire.prompt_tokens, wire.input_tokens)
  const completion = firstPositive(wire.completion_tokens, wire.output_tokens)
  return {
    prompt: prompt ?? Math.max(0, (total ?? 0) - (completion ?? total ?? 0)),
    completion: completion ?? Math.max(0, (total ?? 0) - (prompt ?? total ?? 0)),
    total,
    reasoning: maxOf(ofCompletion?.reasoning_tokens, wire.reasoning_tokens),
    cached: maxOf(
      ofPrompt?.cached_tokens,
      wire.prompt_cache_hit_tokens,
      wire.cached_tokens,
      wire.cache_read_input_tokens,
    ),
    written: maxOf(
      ofPrompt?.cache_write_tokens,
      ofPrompt?.cache_creation_tokens,
      ofPrompt?.cache_creation_input_tokens,
      wire.cache_creation_input_tokens,
    ),
    writtenForAnHour: ofPrompt?.cache_write_1h_tokens ?? undefined,
    audioPrompt: ofPrompt?.audio_tokens ?? 0,
    audioCompletion: ofCompletion?.audio_tokens ?? 0,
    imagePrompt: ofPrompt?.image_tokens ?? undefined,
  }
}

/** Anthropic's `input_tokens` leaves out what its cache counts name; OpenAI's `prompt_tokens` beside them does not. */
function hasCacheBeside({
  prompt_tokens,
  cache_read_input_tokens,
  cache_creation_input_tokens,
}: WireUsage): boolean {
  const isAnthropic = (cache_read_input_tokens ?? cache_creation_input_tokens ?? undefined) !== undefined
  return isAnthropic && typeof prompt_tokens !== 'number'
}

/** Which details are counted apart from the count that they belong to. */
interface Layout {
  readonly isReasoningBeside: boolean
  readonly isCacheBeside: boolean
}

function checked(counts: Counts, shape: UsageShape, isCacheBeside: boolean): Omit<ReportedUsage, 'searches'> {
  const expected: Layout = {
    isReasoningBeside: shape.reasoning === 'beside',
    isCacheBeside: isCacheBeside || shape.cache === 'beside',
  }
  const isExpectedPossible = isPossible(counts, expected)
  const usage = usageIn(counts, expected)
  if (isExpectedPossible && addsUp(usage, counts.total)) return { usage }
  const other = otherLayout(counts, expected)
  // Details larger than their whole and a total that has them in leave one reading only.
  if (other !== undefined && counts.total !== undefined && !isExpectedPossible) return { usage: other }
  if (other === undefined && shape.surplus === 'completion' && isExpectedPossible) {
    const more = (counts.total ?? 0) - usage.prompt - usage.completion
    if (more > 0) return { usage: withHiddenReasoning(usage, more) }
  }
  return inDoubt(counts, usage, other ?? dearest(counts, expected, usage))
}

/** Another layout under which the counts are possible and add up. */
function otherLayout(counts: Counts, expected: Layout): Usage | undefined {
  if (counts.total === undefined) return undefined
  for (const layout of LAYOUTS) {
    if (
      layout.isCacheBeside === expected.isCacheBeside &&
      layout.isReasoningBeside === expected.isReasoningBeside
    )
      continue
    const usage = usageIn(counts, layout)
    if (isPossible(counts, layout) && addsUp(usage, counts.total)) return usage
  }
  return undefined
}

/** Reasoning first: where both would fit, its tokens are the dearer ones. */
const LAYOUTS: readonly Layout[] = [
  { isReasoningBeside: true, isCacheBeside: false },
  { isReasoningBeside: false, isCacheBeside: true },
  { isReasoningBeside: true, isCacheBeside: true },
  { isReasoningBeside: false, isCacheBeside: false },
]

function isPossible(counts: Counts, { isReasoningBeside, isCacheBeside }: Layout): boolean {
  const { prompt, completion, reasoning, cached, written } = counts
  return (isReasoningBeside || reasoning <= completion) && (isCacheBeside || cached + written <= prompt)
}

function addsUp({ prompt, completion }: Usage, total: number | undefined): boolean {
  return total === undefined || prompt + completion === total
}

function usageIn(counts: Counts, { isReasoningBeside, isCacheBeside }: Layout): Usage {
  const { prompt, completion, reasoning, cached, written } = counts
  return {
    prompt: prompt + (isCacheBeside ? cached + written : 0),
    completion: completion + (isReasoningBeside ? reasoning : 0),
    cachedPrompt: cached,
    cacheWrite: written,
    cacheWrite1h: counts.writtenForAnHour,
    reasoning,
    audioPrompt: counts.audioPrompt,
    audioCompletion: counts.audioCompletion,
    imagePrompt: counts.imagePrompt,
  }
}

function withHiddenReasoning(usage: Usage, more: number): Usage {
  return { ...usage, completion: usage.completion + more, reasoning: usage.reasoning + more }
}

/** The most that the counts can mean: impossible details stand apart, and what only the total has is output. */
function dearest(counts: Counts, expected: Layout, usage: Usage): Usage {
  const { prompt, completion, reasoning, cached, written, total = 0 } = counts
  const apart = usageIn(counts, {
    isReasoningBeside: expected.isReasoningBeside || reasoning > completion,
    isCacheBeside: expected.isCacheBeside || cached + written > prompt,
  })
  const more = total - Math.max(usage.prompt + usage.completion, apart.prompt + apart.completion)
  return more > 0 ? { ...apart, completion: apart.completion + more } : apart
}

/** The dearer reading is the estimate, so that nothing is billed too low. */
function inDoubt(counts: Counts, expected: Usage, other: Usage): Omit<ReportedUsage, 'searches'> {
  const [low, high] = sumOf(expected) <= sumOf(other) ? [expected, other] : [other, expected]
  const { total = sumOf(low) } = counts
  const lowest = total < sumOf(low) ? within(low, total) : low
  return { usage: high, doubt: { low: lowest, high, problem: problemOf(counts) } }
}

function sumOf({ prompt, completion }: Usage): number {
  return prompt + completion
}

/** As much of it as the total has, the prompt first, since its tokens are the cheaper ones. */
function within(usage: Usage, total: number): Usage {
  const prompt = Math.min(usage.prompt, total)
  return { ...usage, prompt, completion: total - prompt }
}

function problemOf({ prompt, completion, total, reasoning, cached, written }: Counts): string {
  const details = [
    ...(reasoning > 0 ? [`${reasoning} of reasoning`] : []),
    ...(cached > 0 ? [`${cached} cached`] : []),
    ...(written > 0 ? [`${written} written to a cache`] : []),
  ]
  const named = details.length === 0 ? '' : ` (${details.join(', ')})`
  const sum = total === undefined ? '' : `, and a total of ${total}`
  return `the provider’s usage does not add up: ${prompt} prompt and ${completion} completion tokens${named}${sum}`
}

type Count = number | null | undefined

/** The first that is positive, otherwise the first that is there. */
function firstPositive(first: Count, second: Count): number | undefined {
  if (typeof first === 'number' && first > 0) return first
  if (typeof second === 'number' && second > 0) return second
  return first ?? second ?? undefined
}

function maxOf(...counts: readonly Count[]): number {
  let max = 0
  for (const each of counts) if (typeof each === 'number' && each > max) max = each
  return max
}
