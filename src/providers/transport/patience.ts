import type { ProviderRequest } from '../provider.ts'

/** What an endpoint has shown of its speed. */
export interface History {
  /** How long the next response may take by what was seen; 0 when nothing was. */
  readonly limitMs: number
  /** A response was given up after `ms`. */
  gaveUpAfter(ms: number): void
}

/** The silence that an endpoint is allowed where another one can respond, unless it has shown that it takes longer. */
const PATIENCE_MS = 30_000
/** A plain response is silent while it is written: at least so fast. */
const MS_PER_TOKEN = 25
/** The tokens of a plain response without a maximum, from an endpoint of which nothing is known. */
const USUAL_TOKENS = 1200

/**
 * How long an endpoint may be silent before another one is tried. A model that is known to think, and an endpoint without an
 * alternative, have all the time of the configured limits.
 */
export function patienceMs(
  {
    stream,
    hasAlternative,
    isReasoningModel,
    body,
  }: Pick<ProviderRequest, 'stream' | 'hasAlternative' | 'isReasoningModel'> &
    Partial<Pick<ProviderRequest, 'body'>>,
  historyMs: number,
): number {
  if (hasAlternative !== true || isReasoningModel === true) return Number.POSITIVE_INFINITY
  if (stream) return Math.max(PATIENCE_MS, historyMs)
  const { max_completion_tokens: max = null, max_tokens: legacyMax } = body?.value ?? {}
  const asked = max ?? legacyMax
  const tokens = typeof asked === 'number' ? asked : historyMs > 0 ? 0 : USUAL_TOKENS
  return Math.max(PATIENCE_MS + tokens * MS_PER_TOKEN, historyMs)
}
