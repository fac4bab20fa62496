import { BrokerError } from '../../../../base/errors.ts'
import { isSameCaller } from '../../../../auth/caller.ts'
import type { Reports } from '../../../../ledger/reports/reports.ts'
import type { FailedAttempt, Hold, Usage } from '../../../../ledger/types.ts'
import type { AdminServices } from '../../../../inference/services/services.ts'
import type { Params, Result } from '../../../../wire/rpc/methods.ts'
import {
  filterOf,
  present,
  scopeOf,
  textOf,
  wirePercentiles,
  wireReportTotals,
  wireRow,
  type ReportMarks,
} from '../../calls/request-filter.ts'
import type { HandlersOf, RpcCaller } from '../../calls/handler-types.ts'

export interface ReportFacts {
  readonly services: AdminServices
  readonly reports: Reports
  readonly marks: ReportMarks
}

const DEFAULT_LIMIT = 50
const MAX_OPEN = 200

type OpenRequest = Result<'requests.list'>['open'][number]

/** Requests: a page of them, their totals, and a single one. */
export function requestsHandlers({
  services,
  reports,
  marks,
}: ReportFacts): HandlersOf<'requests.list' | 'requests.totals' | 'requests.get'> {
  return {
    'requests.list': async ({ filter, limit = DEFAULT_LIMIT, cursor, as_of }, caller) => {
      const from = marks.readCursor(cursor, filter)
      const asOf = from?.asOf ?? marks.readMoment(as_of)
      const query = { filter: filterOf(filter), scope: scopeOf(caller), limit, asOf, before: from?.before }
      const page = await reports.run('page', query)
      const next = page.next === undefined ? undefined : { before: page.next, asOf: page.asOf }
      return {
        rows: page.rows.map((row) => wireRow(row, caller)),
        ...(page.damaged === 0 ? {} : { damaged: page.damaged }),
        open: from === undefined ? openRequests(services, filter, caller) : [],
        ...(next === undefined ? {} : { next: marks.writeCursor(next, filter) }),
        as_of: marks.writeMoment(page.asOf),
      }
    },
    'requests.totals': async ({ filter, as_of }, caller) => {
      const query = { filter: filterOf(filter), scope: scopeOf(caller), asOf: marks.readMoment(as_of) }
      const report = await reports.run('totals', query)
      return {
        totals: wireReportTotals(report.totals),
        by_status: { ...report.byStatus },
        first_token_ms: wirePercentiles(report.firstToken),
        duration_ms: wirePercentiles(report.duration),
        ...(report.exactFrom === 0 ? {} : { exact_from: report.exactFrom }),
        as_of: marks.writeMoment(report.asOf),
      }
    },
    'requests.get': async ({ id }, caller) => {
      const query = { id: services.upstreamIds.resolve(id), scope: scopeOf(caller) }
      const { entry, group, corrections } = await reports.run('find', query)
      if (entry === undefined)
        throw new BrokerError('not-found', `there is no request “${id}”; a running one appears when it ends`)
      return {
        request: wireRow(entry, caller),
        attempts: entry.attempts.map(attemptRow),
        usage: usageRow(entry.usage),
        corrections: corrections.map(({ id, cost, flag }) => ({
          id,
          ...present({ cost_usd: textOf(cost), flag }),
        })),
        group: group.map((row) => wireRow(row, caller)),
        ...present({
          upstream_cost_usd: textOf(entry.upstreamCost),
          price_version: entry.priceVersion,
          finish_reason: entry.finishReason,
          referer: entry.referer,
        }),
      }
    },
  }
}

/** Running requests have no status, provider, duration or cost yet: a filter that names one of those selects none. */
function openRequests(
  { ledger }: AdminServices,
  filter: Params<'requests.list'>['filter'] = {},
  caller: RpcCaller,
): OpenRequest[] {
  const { since, until, model, address, context, token, kind, streamed, ...others } = filter
  if (Object.values(others).some((value) => value !== undefined)) return []
  const has = (values: readonly string[] | undefined, value: string): boolean =>
    values?.includes(value) ?? true
  return ledger
    .openHolds()
    .filter((hold) => caller.role === 'admin' || isSameCaller(hold.caller, caller))
    .filter(
      (hold) =>
        has(model, hold.requestedModel) &&
        has(address, hold.caller.ip) &&
        has(context, hold.caller.context ?? '') &&
        has(token, hold.caller.token ?? '') &&
        has(kind, hold.kind) &&
        (streamed === undefined || streamed === hold.streamed) &&
        hold.startedAt >= (since ?? 0) * 1000 &&
        hold.startedAt < (until ?? Infinity) * 1000,
    )
    .slice(0, MAX_OPEN)
    .map(openRow)
}

function openRow({ id, startedAt, requestedModel, caller, kind, streamed, maxCost }: Hold): OpenRequest {
  return {
    id,
    started_at_ms: startedAt,
    model: requestedModel,
    address: caller.ip,
    kind,
    streamed,
    ...present({ context: caller.context, token: caller.token, held_usd: textOf(maxCost) }),
  }
}

function attemptRow({ endpoint, code, status, ms, gavePart }: FailedAttempt) {
  return { endpoint, code, ms, ...present({ status, gave_part: gavePart }) }
}

function usageRow(usage: Usage | undefined): Record<string, number> {
  if (usage === undefined) return {}
  return present({
    prompt: usage.prompt,
    completion: usage.completion,
    cached_prompt: usage.cachedPrompt,
    cache_write: usage.cacheWrite,
    reasoning: usage.reasoning,
    audio_prompt: usage.audioPrompt,
    audio_completion: usage.audioCompletion,
    characters: usage.characters,
    sound_ms: usage.soundMs,
    image_prompt: usage.imagePrompt,
    images: usage.images,
  }) as Record<string, number>
}
