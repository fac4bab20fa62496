import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { callerKey, type Caller } from '../../auth/caller.ts'
import type { PolicyConfig } from '../config/config.ts'
import { matchesAny, matchesPrefix, mayMatchPrefix } from './wildcard.ts'

/** A caller, with the subject of its token if it sent one. */
export interface ToolCaller extends Caller {
  readonly token?: string | undefined
}

const MINUTE_MS = 60_000
/**
 * How many callers without running calls are remembered. Callers choose their context, so a caller can get a full bucket
 * anyway by choosing another.
 */
const MAX_IDLE_CALLERS = 10_000
const OPEN_POLICY: PolicyConfig = {
  ips: undefined,
  contexts: undefined,
  tokens: undefined,
  allow: ['*'],
  deny: [],
  callsPerMinute: undefined,
  maxConcurrentCalls: 32,
}
const CLOSED_POLICY: PolicyConfig = { ...OPEN_POLICY, allow: [] }

interface Usage {
  running: number
  calls: number
  filledAt: number
}

/** Which tools a caller may use, and how often. Without policies all are allowed; otherwise a caller without a matching policy gets none. */
export class ToolPolicy {
  readonly #policies: readonly PolicyConfig[]
  readonly #clock: Clock
  /** By caller key: callers with running calls, which are never evicted. */
  readonly #busy = new Map<string, Usage>()
  /** By caller key: callers without running calls, least recently used first. */
  readonly #idle = new Map<string, Usage>()

  constructor(policies: readonly PolicyConfig[], clock: Clock) {
    this.#policies = policies
    this.#clock = clock
  }

  /** Whether `caller` may use `name`, which is `server__tool`. */
  mayUse(caller: ToolCaller, name: string): boolean {
    const { allow, deny } = this.#policyOf(caller)
    return matchesAny(allow, name) && !matchesAny(deny, name)
  }

  /** Whether `caller` may use something of a server, whatever its tools are. */
  mayUseServer(caller: ToolCaller, server: string): boolean {
    const { allow, deny } = this.#policyOf(caller)
    const prefix = `${server}__`
    return (
      allow.some((pattern) => mayMatchPrefix(pattern, prefix)) &&
      !deny.some((pattern) => matchesPrefix(pattern, prefix))
    )
  }

  /** Patterns of the tools that chats of this caller get without naming any. */
  chatTools(caller: ToolCaller): readonly string[] {
    return this.#policyOf(caller).chatTools ?? []
  }

  /** Counts the start of a call; the returned function counts its end. Throws `over-limit`. */
  startCall(caller: ToolCaller): () => void {
    const policy = this.#policyOf(caller)
    const key = callerKey(caller)
    const usage = this.#usageOf(key, policy)
    if (policy.maxConcurrentCalls !== undefined && usage.running >= policy.maxConcurrentCalls) {
      throw overLimit(`${policy.maxConcurrentCalls} tool calls are running already; wait for one to end`, 1)
    }
    if (policy.callsPerMinute !== undefined) {
      if (usage.calls < 1) {
        const wait = ((1 - usage.calls) * MINUTE_MS) / policy.callsPerMinute
        throw overLimit(`more than ${policy.callsPerMinute} tool calls in a minute`, Math.ceil(wait / 1000))
      }
      usage.calls--
    }
    this.#start(key, usage)
    return () => this.#end(key, usage)
  }

  #start(key: string, usage: Usage): void {
    if (usage.running++ > 0) return
    this.#idle.delete(key)
    this.#busy.set(key, usage)
  }

  #end(key: string, usage: Usage): void {
    if (--usage.running > 0) return
    this.#busy.delete(key)
    this.#markIdle(key, usage)
  }

  /** Marks a caller as most recently used, and evicts the least recently used one above the limit. */
  #markIdle(key: string, usage: Usage): void {
    this.#idle.delete(key)
    this.#idle.set(key, usage)
    if (this.#idle.size <= MAX_IDLE_CALLERS) return
    const [leastRecent] = this.#idle.keys()
    if (leastRecent !== undefined) this.#idle.delete(leastRecent)
  }

  #policyOf(caller: ToolCaller): PolicyConfig {
    if (this.#policies.length === 0) return OPEN_POLICY
    return this.#policies.find((policy) => matches(policy, caller)) ?? CLOSED_POLICY
  }

  #usageOf(key: string, { callsPerMinute = 0 }: PolicyConfig): Usage {
    const now = this.#clock.monotonic()
    const known = this.#busy.get(key) ?? this.#idle.get(key)
    const usage = known ?? { running: 0, calls: callsPerMinute, filledAt: now }
    usage.calls = Math.min(
      callsPerMinute,
      usage.calls + ((now - usage.filledAt) / MINUTE_MS) * callsPerMinute,
    )
    usage.filledAt = now
    if (usage.running === 0) this.#markIdle(key, usage)
    return usage
  }
}

function matches({ ips, contexts, tokens }: PolicyConfig, { ip, context, token }: ToolCaller): boolean {
  const matchesList = (wanted: readonly string[] | undefined, given: string | undefined): boolean =>
    wanted === undefined || (given !== undefined && wanted.includes(given))
  return matchesList(ips, ip) && matchesList(contexts, context) && matchesList(tokens, token)
}

function overLimit(message: string, retryAfter: number): BrokerError {
  return new BrokerError('over-limit', message, { details: { retryAfter } })
}
