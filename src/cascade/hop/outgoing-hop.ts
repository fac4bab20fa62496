import { randomBytes } from 'node:crypto'
import type { Caller } from '../../auth/caller.ts'
import type { AttemptBudget } from './attempt-budget.ts'
import {
  ATTEMPTS_HEADER,
  CALLER_HEADER,
  CONTEXT_HEADER,
  DEADLINE_HEADER,
  HOPS_HEADER,
  LEASE_HEADER,
  POLICY_HEADER,
  VISITED_HEADER,
  REQUEST_HEADER,
  TRACE_HEADER,
} from './hop-headers.ts'
import { policyHeader, type PolicyJson } from './policy.ts'
import type { Hop } from './read-hop.ts'

/** What this broker tells its mothers with a request. */
export interface OutgoingHopParts {
  readonly brokerId: string
  /** The hops that a request may make which begins here. */
  readonly maxHops: number
  /** What a broker below said; absent when the request begins here. */
  readonly hop: Hop | undefined
  readonly caller: Caller
  /** The generation id. */
  readonly requestId: string
  readonly traceparent: string | string[] | undefined
  readonly budget: AttemptBudget
  /** What the request is restricted to. */
  readonly policy: PolicyJson | undefined
}

/** A mother has a little less time than this broker, so that her error arrives before this broker gives up. */
const MARGIN_RATIO = 0.02
const MAX_MARGIN_MS = 1000

/** One request on its way to mothers. Each attempt has an id of its own. */
export class OutgoingHop {
  readonly #parts: OutgoingHopParts
  readonly #trace: string
  #attempts = 0
  /** The lease that the next attempt is sent under. */
  lease: string | undefined

  constructor(parts: OutgoingHopParts) {
    this.#parts = parts
    this.#trace = traceOf(parts.traceparent)
  }

  get brokerId(): string {
    return this.#parts.brokerId
  }

  get policy(): PolicyJson | undefined {
    return this.#parts.policy
  }

  get budget(): AttemptBudget {
    return this.#parts.budget
  }

  /** A list of providers that names the mother herself leaves hers open. */
  #policyFor(mother: string): PolicyJson | undefined {
    const { policy } = this.#parts
    if (policy?.providers?.includes(mother) !== true) return policy
    const { providers: _named, ...others } = policy
    return Object.keys(others).length === 0 ? undefined : others
  }

  /** The id and the headers of the next attempt at a mother. */
  next(
    mother: string,
    timeLeftMs: number,
    hasAlternative: boolean,
  ): { readonly id: string; readonly headers: string[] } {
    const { brokerId, maxHops, hop, caller, requestId, budget } = this.#parts
    const id = `${requestId}.${++this.#attempts}`
    const margin = Math.min(MAX_MARGIN_MS, timeLeftMs * MARGIN_RATIO)
    const headers = [
      VISITED_HEADER,
      [...(hop?.path ?? []), brokerId].join(','),
      HOPS_HEADER,
      String(Math.max(0, Math.min(hop?.hopsLeft ?? maxHops, maxHops) - 1)),
      DEADLINE_HEADER,
      String(Math.max(1, Math.floor(timeLeftMs - margin))),
      ATTEMPTS_HEADER,
      String(budget.grant(hasAlternative)),
      REQUEST_HEADER,
      id,
      CALLER_HEADER,
      caller.ip,
      TRACE_HEADER,
      `00-${this.#trace}-${randomBytes(8).toString('hex')}-01`,
    ]
    const context = caller.context ?? hop?.context
    if (context !== undefined) headers.push(CONTEXT_HEADER, context)
    if (this.lease !== undefined) headers.push(LEASE_HEADER, this.lease)
    const policy = this.#policyFor(mother)
    if (policy !== undefined) headers.push(POLICY_HEADER, policyHeader(policy))
    return { id, headers }
  }
}

const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** The trace that the caller's request belongs to, or a new one. */
function traceOf(received: string | string[] | undefined): string {
  const known = typeof received === 'string' ? TRACE.exec(received)?.[1] : undefined
  return known ?? randomBytes(16).toString('hex')
}
