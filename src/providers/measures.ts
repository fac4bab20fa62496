/** Moving figures of one endpoint: the last answers count, older ones fade. */
export interface Measures {
  /** A request was answered, or not. Times in milliseconds. */
  worked(sample: Sample): void
  failed(): void
  /** Events of a stream that were no JSON and were skipped. */
  skipped(events: number): void
  read(): Figures
  /** Milliseconds within which 95 of 100 answers begin; `undefined` until twenty are known. */
  firstTokenP95(): number | undefined
}

export interface Sample {
  readonly firstTokenMs: number
  /** Completion tokens and how long they took after the first one, when both are known. */
  readonly tokens?: number | undefined
  readonly tokensMs?: number | undefined
}

/** Plain numbers, as they are shown and kept. */
export interface Figures {
  readonly requests: number
  /** Among the last 64 requests, from 0 to 1; `undefined` without any. */
  readonly successRate: number | undefined
  /** Median and 95th percentile of the last 64 answers. */
  readonly firstTokenMs: number | undefined
  readonly firstTokenP95Ms: number | undefined
  /** Completion tokens a second, the last answers weighing most. */
  readonly tokensPerSecond: number | undefined
  readonly malformedEvents: number
}

/** What outlives a restart. */
export interface KeptMeasures {
  readonly requests: number
  readonly outcomes: readonly (0 | 1)[]
  readonly firstTokensMs: readonly number[]
  readonly tokensPerSecond: number | undefined
  readonly malformedEvents: number
}

const REMEMBERED = 64
const ENOUGH_FOR_P95 = 20
/** Weight of the newest throughput. */
const NEWEST = 0.2
/** Shorter answers say more of the network than of the endpoint's speed. */
const LEAST_TOKENS = 8

export function createMeasures(kept?: KeptMeasures): Measures & { keep(): KeptMeasures } {
  const outcomes = [...(kept?.outcomes ?? [])]
  const firstTokens = [...(kept?.firstTokensMs ?? [])]
  let { requests = 0, tokensPerSecond, malformedEvents = 0 } = kept ?? {}

  function note(outcome: 0 | 1): void {
    requests++
    remember(outcomes, outcome)
  }

  return {
    worked({ firstTokenMs, tokens, tokensMs }) {
      note(1)
      remember(firstTokens, Math.round(firstTokenMs))
      if (tokens === undefined || tokensMs === undefined || tokens < LEAST_TOKENS || tokensMs <= 0) return
      const speed = (tokens * 1000) / tokensMs
      tokensPerSecond =
        tokensPerSecond === undefined ? speed : tokensPerSecond + NEWEST * (speed - tokensPerSecond)
    },
    failed: () => note(0),
    skipped(events) {
      malformedEvents += events
    },
    firstTokenP95: () => (firstTokens.length < ENOUGH_FOR_P95 ? undefined : percentile(firstTokens, 0.95)),
    read: () => ({
      requests,
      successRate:
        outcomes.length === 0 ? undefined : outcomes.filter((each) => each === 1).length / outcomes.length,
      firstTokenMs: percentile(firstTokens, 0.5),
      firstTokenP95Ms: percentile(firstTokens, 0.95),
      tokensPerSecond,
      malformedEvents,
    }),
    keep: () => ({
      requests,
      outcomes: [...outcomes],
      firstTokensMs: [...firstTokens],
      tokensPerSecond,
      malformedEvents,
    }),
  }
}

function remember<T>(list: T[], value: T): void {
  list.push(value)
  if (list.length > REMEMBERED) list.shift()
}

/** Nearest rank. */
function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}
