import type { Secret } from '../base/secret.ts'
import type { TimeLimitSettings } from './timeouts.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export const HTTP_CLIENTS = ['lean', 'undici'] as const

/** Everything that the program was told from outside, read once and frozen. */
export interface Config {
  /** Folder of all services' sockets; ours are in `hero_aibroker/` inside. */
  readonly socketDir: string
  /** Folder of the database and of everything else that outlives a restart. */
  readonly dataDir: string
  readonly modelsConfigPath: string
  /** MCP servers to connect to, when somebody named a file. */
  readonly mcpConfigPath: string | undefined
  /** Where hero_db listens, should it be there. */
  readonly heroDbSocket: string
  readonly routingStrategy: 'cheapest' | 'best'
  /** The TCP door, closed unless asked for. */
  readonly listen: { readonly address: string; readonly port: number } | undefined
  readonly isMother: boolean
  /** Processes that answer callers; with 1 the daemon does it alone. */
  readonly workers: number
  /** Whether the usual ports of local model servers are asked at the start. */
  readonly detectsLocalServers: boolean
  /** Whether providers are asked for their model lists at the start and every hour; on demand they are in any case. */
  readonly refreshesCatalogue: boolean
  /** TCP peers whose `X-Forwarded-For` and `X-Hero-Context` are believed. */
  readonly proxies: ReadonlySet<string>
  /** One payer per /64 of IPv6. */
  readonly rollsUp: boolean
  /** Contexts with a socket of their own, `rest.<context>.sock`. */
  readonly contextSockets: readonly string[]
  /** A TCP door that others can reach may open although nobody has to show anything. */
  readonly allowsOpenTcp: boolean
  /** Days after which single requests are cleared away; their totals stay. */
  readonly keepDays: number
  /** What becomes of an answer whose caller left, at a provider that goes on billing. */
  readonly hangUp: { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }
  readonly bodyLimitBytes: number
  /** More open requests than this are turned away at once. */
  readonly mostOpenRequests: number
  /** How often providers with an open circuit are looked at without a caller; absent when they are not. */
  readonly probeEveryMs: number | undefined
  /** Most extra requests to endpoints that are asked beside a slow one, in percent of the requests that allow it. */
  readonly hedgePercent: number
  /** How long the answers to requests with an `Idempotency-Key` are kept. */
  readonly keepAnswersMs: number
  /** How long running requests may go on once we are told to stop. */
  readonly drainTimeoutMs: number
  /** Bounds on the silence of providers that were set here; what isn't is up to who asks them. */
  readonly timeLimits: TimeLimitSettings
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** What speaks HTTP to providers: our own client, or undici should ours fail somewhere. */
  readonly httpClient: (typeof HTTP_CLIENTS)[number]
  /** What OpenRouter is told about callers that don't introduce themselves. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
  readonly adminToken: Secret | undefined
  readonly heroSecret: Secret | undefined
  /**
   * Keys for `name` (`groq`, `serper`, …), in order and without doubles: from `GROQ_API_KEY` and `GROQ_API_KEYS`, or from the variable
   * `keyEnv` and its plural. Throws `bad-request` for a key that can't travel in a header.
   */
  keysOf(name: string, keyEnv?: string): readonly Secret[]
  /**
   * Reads the `.env` of secrets again, for `keysOf` to go by; all else is fixed until the next start. Throws `bad-request` and
   * changes nothing when the file can't be used. Returns the variables that changed but hold from the next start only.
   */
  rereadKeys(): readonly string[]
  /** What is in effect, for people to read; secrets show as `***`. */
  readonly effective: readonly EffectiveSetting[]
  /** Address to reach a provider under instead of its own, from `AIBROKER_<NAME>_URL`. */
  baseUrlOf(name: string): string | undefined
}

/** Flags of the command line, already split; a port may still be text. */
export interface Flags {
  readonly address?: string | undefined
  readonly port?: string | number | undefined
  readonly mother?: boolean | undefined
  readonly openTcp?: boolean | undefined
  readonly workers?: string | number | undefined
}

/** One setting, and who said so. */
export interface EffectiveSetting {
  readonly name: string
  /** Absent when it is not set. */
  readonly value: string | number | boolean | undefined
  readonly source: 'environment' | 'secrets-file' | 'flag' | 'default'
  /** The variable or flag that says it; when none does, the one that could. */
  readonly variable: string
}
