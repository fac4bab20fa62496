import type { Secret } from '../base/secret.ts'
import type { SecretOrigin } from './secrets/secret-sources.ts'
import type { Environment } from './settings.ts'
import type { SettingsLocation } from '../store/settings/open-settings-store.ts'
import type { TimeoutSettings } from './timeouts.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export const HTTP_CLIENTS = ['lean', 'undici'] as const

/** The configuration from environment, `.env` and flags, read once and frozen. */
export interface Config {
  /** Folder of all services' sockets; ours are in `hero_aibroker/` inside. */
  readonly socketDir: string
  /** Folder of the database and of everything else that survives a restart. */
  readonly dataDir: string
  readonly modelsConfigPath: string
  /** File of the MCP servers to connect to, when one is set. */
  readonly mcpConfigPath: string | undefined
  /** Socket of hero_db, whether it exists or not. */
  readonly heroDbSocket: string
  /** Where mothers and priorities are kept. */
  readonly settings: SettingsLocation
  readonly routingStrategy: 'cheapest' | 'best'
  /** The TCP listener; none by default. */
  readonly listen: { readonly address: string; readonly port: number } | undefined
  /** Files of the certificate and the key with which the TCP listener speaks TLS; plain TCP without them. */
  readonly tls: { readonly certPath: string; readonly keyPath: string } | undefined
  readonly isMother: boolean
  /** What Hero OS says of this host's mycelium address. */
  readonly myceliumIp: string | undefined
  /** How many brokers above this one a request may pass that begins here. */
  readonly maxHops: number
  /** How many retries a request may cause over all brokers of a cascade, besides the first attempt. */
  readonly cascadeRetries: number
  /** Processes that serve requests; with 1 the daemon serves them itself. */
  readonly workers: number
  /** Whether the default ports of local model servers are probed at the start. */
  readonly detectsLocalServers: boolean
  /** Whether the model lists of providers are fetched at the start and every hour; on demand they always are. */
  readonly refreshesModelLists: boolean
  /** Addresses and networks (CIDR) of TCP peers whose `X-Forwarded-For` and `X-Hero-Context` are trusted. */
  readonly proxies: ReadonlySet<string>
  /** Names of the TCP listener in `Host` headers, besides its addresses and `localhost`. */
  readonly hosts: readonly string[]
  /** Origins of web pages that may use the broker with a token. */
  readonly corsOrigins: ReadonlySet<string>
  /** One payer per /64 of IPv6. */
  readonly rollsUp: boolean
  /** Contexts with a socket of their own, `rest.<context>.sock`. */
  readonly contextSockets: readonly string[]
  /** Allows a TCP listener beyond loopback without authentication. */
  readonly allowsOpenTcp: boolean
  /** Days after which the rows of single requests are deleted; their totals stay. */
  readonly keepDays: number
  /** What a power cut may take: `full` nothing that was acknowledged, `power-safe-soon` at most the last 50 ms. */
  readonly durability: 'power-safe-soon' | 'full'
  /** What happens to a response after the caller disconnects, at a provider that goes on charging: `cut` aborts it, `drain` reads on for `forMs`. */
  readonly hangUp: { readonly policy: 'cut' } | { readonly policy: 'drain'; readonly forMs: number }
  readonly bodyLimitBytes: number
  /** Maximum size of one uploaded file, and of all that are kept at the same time. */
  readonly uploadLimitBytes: number
  readonly spoolLimitBytes: number
  /** Further requests beyond so many open ones are rejected with `overloaded`. */
  readonly maxOpenRequests: number
  /** How often providers with an open circuit are probed; absent when they are not. */
  readonly probeEveryMs: number | undefined
  /** Maximum of hedged attempts, in percent of the requests that allow hedging. */
  readonly hedgePercent: number
  /** How long the responses of requests with an `Idempotency-Key` are kept. */
  readonly keepResponsesMs: number
  /** How long responses are kept that callers may name by `previous_response_id`. */
  readonly keepNamedResponsesMs: number
  /** How long running requests may continue during a stop. */
  readonly drainTimeoutMs: number
  /** The timeouts that are set in the environment; for others `providers` has defaults. */
  readonly timeouts: TimeoutSettings
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** The HTTP client for providers: our own, or undici where ours fails. */
  readonly httpClient: (typeof HTTP_CLIENTS)[number]
  /** The proxies through which providers are reached, by the scheme of their addresses, and the hosts that are exempt. */
  readonly networkProxy: {
    readonly http: string | undefined
    readonly https: string | undefined
    readonly noProxy: string | undefined
  }
  /** The attribution headers sent to OpenRouter for callers that send none. */
  readonly attribution: { readonly referer: string | undefined; readonly title: string | undefined }
  readonly adminToken: Secret | undefined
  readonly heroSecret: Secret | undefined
  /** The URL to which alarms are sent. */
  readonly alarmWebhook: string | undefined
  /** Signs what is sent there. */
  readonly alarmSecret: Secret | undefined
  /**
   * Keys for `name` (`groq`, `serper`, …), in order and without duplicates: from `GROQ_API_KEY` and `GROQ_API_KEYS`, or from the variable
   * `keyEnv` and its plural. Throws `bad-request` for a key that can't be sent in a header.
   */
  keysOf(name: string, keyEnv?: string): readonly Secret[]
  /** The folder of systemd’s credentials. */
  readonly credentialsDir: string | undefined
  /** Whether the operator has a command that prints secrets. */
  readonly hasKeysCommand: boolean
  /** What that command printed last; empty without one. */
  keysCommandOutput(): Environment
  /** Runs that command again and returns what it prints, for `rereadKeys`. Throws `bad-request` when it fails. */
  runKeysCommand(): Promise<Environment>
  /**
   * Reads the sources of secrets again, for later calls of `keysOf`; everything else is fixed until the next start. Throws
   * `bad-request` and changes nothing when one can't be used, or lost most of its variables and not `mayLoseMost`.
   * Returns the changed variables that take effect at the next start only.
   *
   * @param options.fromKeysCommand what the keys command printed in another process.
   */
  rereadKeys(options?: {
    readonly mayLoseMost?: boolean
    readonly fromKeysCommand?: Environment
  }): readonly string[]
  /** The effective settings, for people; secrets are shown as `***`. */
  readonly effective: readonly EffectiveSetting[]
  /** Base URL that replaces a provider's own, from `AIBROKER_<NAME>_URL`. */
  baseUrlOf(name: string): string | undefined
}

/** Parsed flags of the command line; a port may still be text. */
export interface Flags {
  readonly address?: string | undefined
  readonly port?: string | number | undefined
  readonly mother?: boolean | undefined
  readonly dashboard?: boolean | undefined
  readonly openTcp?: boolean | undefined
  readonly workers?: string | number | undefined
}

/** One setting and its source. */
export interface EffectiveSetting {
  readonly name: string
  /** Absent when it is not set. */
  readonly value: string | number | boolean | undefined
  readonly source: SecretOrigin | 'flag' | 'default'
  /** The variable or flag that sets it; when none does, the one that would. */
  readonly variable: string
}
