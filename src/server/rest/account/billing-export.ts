import { usdText, type Money } from '../../../base/money.ts'
import { certaintyOf } from '../../../inference/response/cost-json.ts'
import type { Entry } from '../../../ledger/types.ts'
import { csvCell, type Cell } from '../../http/csv.ts'

/** How many rows are sent in one piece; the event loop gets its turn after each. */
const ROWS_AT_ONCE = 256

/** The columns of both formats; a new column is a new line here. */
const COLUMNS: Readonly<Record<string, (entry: Entry) => Cell>> = {
  id: ({ id }) => id,
  started_at: ({ startedAt }) => new Date(startedAt).toISOString(),
  ip: ({ caller }) => caller.ip,
  context: ({ caller }) => caller.context,
  token: ({ caller }) => caller.token,
  kind: ({ kind }) => kind,
  model: ({ requestedModel }) => requestedModel,
  answered_model: ({ model }) => model,
  endpoint: ({ endpoint }) => endpoint,
  status: ({ status }) => status,
  streamed: ({ streamed }) => streamed,
  prompt_tokens: ({ usage }) => usage?.prompt,
  completion_tokens: ({ usage }) => usage?.completion,
  cached_tokens: ({ usage }) => usage?.cachedPrompt,
  reasoning_tokens: ({ usage }) => usage?.reasoning,
  cost_usd: ({ cost }) => dollarsText(cost),
  cost_low_usd: ({ costLow }) => dollarsText(costLow),
  cost_high_usd: ({ costHigh }) => dollarsText(costHigh),
  certainty: (entry) => certaintyOf(entry),
  uncertain_usd: ({ uncertain }) => dollarsText(uncertain),
  count_source: ({ countSource }) => countSource,
  cost_source: ({ costSource }) => costSource,
  price_version: ({ priceVersion }) => priceVersion,
  finish_reason: ({ finishReason }) => finishReason,
  flag: ({ flag }) => flag,
  error: ({ error }) => error,
  duration_ms: ({ durationMs }) => durationMs,
  referer: ({ referer }) => referer,
  title: ({ title }) => title,
  adjusts: ({ adjusts }) => adjusts,
}

/** The entries as CSV with a header line. */
export async function* csvOf(entries: Iterable<Entry>): AsyncGenerator<string> {
  yield `${Object.keys(COLUMNS).join(',')}\r\n`
  yield* inParts(entries, (entry) => `${cellsOf(entry).map(csvCell).join(',')}\r\n`)
}

/** The entries as one JSON array; absent values are omitted. */
export async function* jsonOf(entries: Iterable<Entry>): AsyncGenerator<string> {
  let isFirst = true
  yield '['
  yield* inParts(entries, (entry) => {
    const row = Object.fromEntries(Object.keys(COLUMNS).map((name, at) => [name, cellsOf(entry)[at]]))
    const comma = isFirst ? '\n' : ',\n'
    isFirst = false
    return comma + JSON.stringify(row)
  })
  yield '\n]\n'
}

async function* inParts(entries: Iterable<Entry>, write: (entry: Entry) => string): AsyncGenerator<string> {
  let part = ''
  let rows = 0
  for (const entry of entries) {
    part += write(entry)
    if (++rows % ROWS_AT_ONCE !== 0) continue
    yield part
    part = ''
    await new Promise(setImmediate)
  }
  if (part !== '') yield part
}

function cellsOf(entry: Entry): Cell[] {
  return Object.values(COLUMNS).map((read) => read(entry))
}

function dollarsText(amount: Money | undefined): string | undefined {
  return amount === undefined ? undefined : usdText(amount)
}
