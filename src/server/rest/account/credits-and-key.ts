import type { FastifyReply, FastifyRequest } from 'fastify'
import { dollarsNumber, money, NOTHING, type Money } from '../../../base/money.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Standing } from '../../../limits/limits.ts'
import { payerAccount, tokenAccount, type Account } from '../../../auth/accounts.ts'
import type { Caller } from '../../../auth/caller.ts'
import { findCaller } from '../../http/authenticate.ts'

/**
 * `GET /credits`: what the caller has spent here, and that plus what its tightest budget leaves. The broker sells no
 * credits: without a budget both are the same, and that nothing bounds the caller is what `limit: null` of `/key` says.
 * OpenRouter's clients take numbers alone.
 */
export function getCredits(request: FastifyRequest, _reply: FastifyReply, { ledger, limits }: Rooms): object {
  const caller = findCaller(request)
  const { spent: used } = ledger.balance(caller)
  const left = limits.allowance(caller)?.left ?? NOTHING
  return { data: { total_credits: dollarsNumber(money(used + left)), total_usage: dollarsNumber(used) } }
}

/**
 * `GET /key` and `/auth/key`: the caller, seen as the key that OpenRouter's users would have. Who shows a token is told of
 * that token, wherever it was shown; everybody else of the address with its context.
 */
export async function getKey(request: FastifyRequest, _reply: FastifyReply, rooms: Rooms): Promise<object> {
  const caller = findCaller(request)
  const now = rooms.clock.now()
  const [daily, weekly, monthly] = await Promise.all(
    [startOfDay(now), startOfWeek(now), startOfMonth(now)].map((since) => spentSince(caller, since, rooms)),
  )
  return {
    data: {
      label: labelOf(caller),
      ...limitOf(caller, rooms),
      include_byok_in_limit: false,
      usage: dollarsNumber(rooms.ledger.balanceIn(accountOf(caller), 'total', now).spent),
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
  }
}

/** The token by its id, as the books and `tokens list` call it. */
function labelOf({ ip, context, token }: Caller): string {
  return token ?? (context === undefined ? ip : `${ip} ${context}`)
}

/** The budget that leaves least; no period of ours is a week. */
function limitOf(caller: Caller, { limits }: Rooms): object {
  const left = ({ most, spent: used, held }: Standing): bigint => most - used - held
  const [first, ...others] = limits.standing(caller)
  if (first === undefined) return { limit: null, limit_reset: null, limit_remaining: null }
  const tightest = others.reduce((least, other) => (left(other) < left(least) ? other : least), first)
  const remaining = left(tightest)
  return {
    limit: dollarsNumber(tightest.most),
    limit_reset: RESETS[tightest.period],
    limit_remaining: dollarsNumber(money(remaining > 0n ? remaining : 0n)),
  }
}

const RESETS = { hour: 'hourly', day: 'daily', month: 'monthly', total: null } as const

/** As the balance counts it: where only bounds of a cost are known, the upper one. */
async function spentSince(caller: Caller, since: number, { ledger }: Rooms): Promise<number> {
  const { ip, context = '', token } = caller
  return dollarsNumber(
    spent(await ledger.summary({ since, ...(token === undefined ? { ip, context } : { token }) })),
  )
}

function accountOf(caller: Caller): Account {
  return caller.token === undefined ? payerAccount(caller) : tokenAccount(caller.token)
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
