import type { FastifyReply, FastifyRequest } from 'fastify'
import { usdNumber, money, ZERO, type Money } from '../../../base/money.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { BudgetStatus } from '../../../limits/limits.ts'
import type { Caller } from '../../../auth/caller.ts'
import { ownUsage } from '../../../ledger/usage/own-usage.ts'
import { authenticate } from '../../http/authenticate.ts'
import { wireCost } from '../../http/usage-json.ts'

/**
 * `GET /credits`: what the caller has spent here, and that sum plus what its tightest budget leaves. The broker sells no
 * credits: without a budget both numbers are equal, because OpenRouter's clients accept only numbers; `limit: null` of `/key`
 * says that the caller has no budget.
 */
export async function getCredits(
  request: FastifyRequest,
  _reply: FastifyReply,
  { ledger, limits }: AdminServices,
): Promise<object> {
  const caller = authenticate(request)
  const totals = await ledger.summary(ownUsage(caller))
  const used = spent(totals)
  const left = limits.allowance(caller)?.remaining ?? ZERO
  return {
    data: { total_credits: usdNumber(money(used + left)), total_usage: usdNumber(used) },
    x_aibroker: wireCost(totals),
  }
}

/**
 * `GET /key` and `/auth/key`: the caller in the form of an OpenRouter key. The figures are of its own requests: of this address,
 * context and token. Its limit is the tightest of its budgets, which it may share with other callers.
 */
export async function getKey(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): Promise<object> {
  const caller = authenticate(request)
  const now = services.clock.now()
  const [total, daily, weekly, monthly] = await Promise.all(
    [0, startOfDay(now), startOfWeek(now), startOfMonth(now)].map((since) =>
      spentSince(caller, since, services),
    ),
  )
  const totals = await services.ledger.summary(ownUsage(caller))
  return {
    data: {
      label: labelOf(caller),
      ...limitOf(caller, services),
      include_byok_in_limit: false,
      usage: total,
      usage_daily: daily,
      usage_weekly: weekly,
      usage_monthly: monthly,
      byok_usage: 0,
      byok_usage_daily: 0,
      byok_usage_weekly: 0,
      byok_usage_monthly: 0,
      is_free_tier: false,
      is_management_key: false,
      is_provisioning_key: false,
      creator_user_id: null,
      organization_id: null,
      workspace_id: null,
      expires_at: null,
      allowed_data_regions: ['global'],
      free_model_daily_requests: { limit: 1000, remaining: 1000, used: 0 },
      rate_limit: {
        requests: -1,
        interval: '10s',
        note: 'This field is deprecated and safe to ignore.',
      },
    },
    x_aibroker: wireCost(totals),
  }
}

/** The id of the token, as in the ledger and in `tokens list`; else the address with its context. */
function labelOf({ ip, context, token }: Caller): string {
  return token ?? (context === undefined ? ip : `${ip} ${context}`)
}

/** The budget with the least money left. None of our periods is a week. */
function limitOf(caller: Caller, { limits }: AdminServices): object {
  const left = ({ max, spent: used, held }: BudgetStatus): bigint => max - used - held
  const [first, ...others] = limits.budgetStatus(caller)
  if (first === undefined) return { limit: null, limit_reset: null, limit_remaining: null }
  const tightest = others.reduce((lowest, other) => (left(other) < left(lowest) ? other : lowest), first)
  const remaining = left(tightest)
  return {
    limit: usdNumber(tightest.max),
    limit_reset: RESETS[tightest.period],
    limit_remaining: usdNumber(money(remaining > 0n ? remaining : 0n)),
  }
}

const RESETS = { hour: 'hourly', day: 'daily', month: 'monthly', total: null } as const

/** Counted like the balance: where only bounds of a cost are known, by the upper one. */
async function spentSince(caller: Caller, since: number, { ledger }: AdminServices): Promise<number> {
  return usdNumber(spent(await ledger.summary({ since, ...ownUsage(caller) })))
}

function spent({ cost, uncertain }: { cost: Money; uncertain: Money }): Money {
  return money(cost + uncertain)
}

const DAY_S = 86_400

/** Unix seconds of 00:00 UTC, the Monday before, the first of the month. */
function startOfDay(nowMs: number): number {
  const seconds = Math.floor(nowMs / 1000)
  return seconds - (seconds % DAY_S)
}

function startOfWeek(nowMs: number): number {
  const sinceMonday = (new Date(nowMs).getUTCDay() + 6) % 7
  return startOfDay(nowMs) - sinceMonday * DAY_S
}

function startOfMonth(nowMs: number): number {
  const date = new Date(nowMs)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / 1000
}
