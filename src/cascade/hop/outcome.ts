import { z } from 'zod'
import { backoffMs } from '../../base/backoff.ts'
import { wait, type Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import { money, type Money } from '../../base/money.ts'
import type { CountSource, Entry, Usage } from '../../ledger/types.ts'

/** What became of a request at a mother: still running, ended with a cost, or never seen by her. */
export type Outcome =
  | { readonly state: 'open' }
  | { readonly state: 'unknown' }
  | {
      readonly state: 'settled'
      readonly cost: Money | undefined
      readonly costLow: Money | undefined
      readonly costHigh: Money | undefined
      readonly usage: Usage | undefined
      readonly countSource: CountSource
      /** Id of her own row. */
      readonly entry: string
    }

const nano = z
  .string()
  .regex(/^-?\d{1,19}$/)
  .transform((text) => money(BigInt(text)))
const tokens = z.int().min(0)

const row = z.looseObject({
  request: z.string(),
  state: z.enum(['open', 'settled']),
  entry: z.string(),
  cost_nano: nano.nullish(),
  cost_low_nano: nano.nullish(),
  cost_high_nano: nano.nullish(),
  count_source: z.enum(['reported', 'counted', 'bounded', 'none']).nullish(),
  usage: z
    .looseObject({
      prompt: tokens,
      completion: tokens,
      cached_prompt: tokens,
      cache_write: tokens,
      reasoning: tokens,
    })
    .nullish(),
})

const answer = z.looseObject({ data: z.array(row) })

/** One row of an answer to `GET /cascade/outcomes`. */
export interface OutcomeRow {
  /** The child's id of the attempt. */
  readonly request: string
  readonly outcome: Outcome
}

/** An ended request as a mother tells it to her child. */
export function settledRow(
  request: string,
  entry: Entry,
  { cost, costLow, costHigh }: Pick<Entry, 'cost' | 'costLow' | 'costHigh'>,
): object {
  const { usage } = entry
  return {
    request,
    state: 'settled',
    entry: entry.id,
    status: entry.status,
    endpoint: entry.endpoint,
    model: entry.model ?? entry.requestedModel,
    cost_nano: nanoText(cost),
    cost_low_nano: nanoText(costLow),
    cost_high_nano: nanoText(costHigh),
    count_source: entry.countSource,
    usage: usage && {
      prompt: usage.prompt,
      completion: usage.completion,
      cached_prompt: usage.cachedPrompt,
      cache_write: usage.cacheWrite,
      reasoning: usage.reasoning,
    },
  }
}

/** A request that still runs as a mother tells it to her child. */
export function openRow(request: string, entry: string): object {
  return { request, state: 'open', entry }
}

function nanoText(amount: Money | undefined): string | undefined {
  return amount === undefined ? undefined : String(amount)
}

/** Reads a mother's answer. Throws a `ZodError` for anything else. */
export function readOutcomes(value: unknown): readonly OutcomeRow[] {
  return answer.parse(value).data.map((each) => ({ request: each.request, outcome: outcomeOf(each) }))
}

function outcomeOf(read: z.infer<typeof row>): Outcome {
  if (read.state === 'open') return { state: 'open' }
  const { usage } = read
  return {
    state: 'settled',
    cost: read.cost_nano ?? undefined,
    costLow: read.cost_low_nano ?? undefined,
    costHigh: read.cost_high_nano ?? undefined,
    countSource: read.count_source ?? 'none',
    entry: read.entry,
    usage:
      usage === null || usage === undefined
        ? undefined
        : {
            prompt: usage.prompt,
            completion: usage.completion,
            cachedPrompt: usage.cached_prompt,
            cacheWrite: usage.cache_write,
            reasoning: usage.reasoning,
            audioPrompt: 0,
            audioCompletion: 0,
          },
  }
}

type GetJson = (path: string) => Promise<unknown>

/** How long a mother may hold back her answer while the request still runs. */
export const MAX_OUTCOME_WAIT_MS = 10_000

/** Every attempt of the request with this id that a mother knows. Rejects when she can't be asked. */
export async function askOutcomes(
  getJson: GetJson,
  request: string,
  waitMs = 0,
): Promise<readonly OutcomeRow[]> {
  const query = `request=${encodeURIComponent(request)}&wait_ms=${waitMs}`
  return readOutcomes(await getJson(`/cascade/outcomes?${query}`))
}

/** How long a child waits for the end of a request that it left, or for a mother to be back. */
const PATIENCE_MS = 90_000
const AWAY_PATIENCE_MS = 3_000
/** A request that was just sent may be read after the question what became of it. */
const LATE_MS = 250
const RETRY = { firstMs: 50, maxMs: 1000 }

/**
 * Asks a mother until one attempt has ended. `undefined` when she can't tell within some seconds, or the request goes on for
 * longer than a minute and a half: then its cost is learned later.
 */
export async function awaitOutcome(
  getJson: GetJson,
  attempt: string,
  clock: Clock,
): Promise<Exclude<Outcome, { state: 'open' }> | undefined> {
  const startedAt = clock.monotonic()
  let awaySince: number | undefined
  for (let failures = 0; clock.monotonic() - startedAt < PATIENCE_MS;) {
    try {
      const rows = await askOutcomes(getJson, attempt, MAX_OUTCOME_WAIT_MS)
      const outcome = rows.find(({ request }) => request === attempt)?.outcome ?? UNKNOWN
      awaySince = undefined
      if (outcome.state === 'settled') return outcome
      if (outcome.state === 'unknown') {
        if (clock.monotonic() - startedAt >= LATE_MS) return outcome
        await wait(clock, LATE_MS)
      }
    } catch (error) {
      const { details } = asBrokerError(error)
      awaySince ??= clock.monotonic()
      // A broker that does not know the question will not learn it.
      if (details.status === 404 || clock.monotonic() - awaySince >= AWAY_PATIENCE_MS) return undefined
      await wait(clock, backoffMs(RETRY, ++failures))
    }
  }
  return undefined
}

const UNKNOWN: Outcome = { state: 'unknown' }
