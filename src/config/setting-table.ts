import { DEFAULT_SETTINGS } from './default-settings.ts'
import type { Config, EffectiveSetting, Flags } from './config-type.ts'
import { TIMEOUT_VARIABLES } from './timeouts.ts'

/** One setting of the daemon, for `config`, for docs/configuration.md, and for the test that compares both with the code. */
export interface SettingRow {
  /** As `hero_aibroker config` shows it. */
  readonly name: string
  readonly value: (config: Omit<Config, 'effective'>) => EffectiveSetting['value']
  /** The variables and flags that set it; the first that is set applies. */
  readonly variables: readonly [string, ...string[]]
  /** Of the variable's text. */
  readonly type: string
  /** Of the variable's number; the setting itself may be in a smaller one. */
  readonly unit?: string
  /** For readers; absent when it is not set. */
  readonly default?: string
  readonly effect: string
}

const FOLDERS = ['PATH_VAR', 'PATH_ROOT'] as const
const SWITCH = '`on` or `off`'
const COUNT = 'whole number from 1'
const D = DEFAULT_SETTINGS

/** A proxy's URL without its credentials. */
function shownUrl(url: string | undefined): string | undefined {
  return url === undefined ? undefined : new URL(url).origin
}

export const SETTINGS: readonly SettingRow[] = [
  {
    name: 'socket_dir',
    value: (c) => c.socketDir,
    variables: ['PATH_SOCKETS', 'PATH_SOCKET', 'HERO_SOCKET_DIR', ...FOLDERS],
    type: 'path',
    default: '`~/hero/var/sockets`',
    effect:
      'Folder of all services’ sockets; ours are in `hero_aibroker/` inside. `PATH_VAR` is the folder above it (`sockets` inside), `PATH_ROOT` that above `var`.',
  },
  {
    name: 'data_dir',
    value: (c) => c.dataDir,
    variables: ['AIBROKER_DATA_DIR', ...FOLDERS],
    type: 'path',
    default: '`~/hero/var/hero_aibroker`',
    effect: 'Folder of the databases and of the `.env` of secrets.',
  },
  {
    name: 'models_config_path',
    value: (c) => c.modelsConfigPath,
    variables: ['MODELS_CONFIG_PATH'],
    type: 'path',
    default: '`./modelsconfig.yml`, else the shipped one',
    effect: 'The models file: models, endpoints, prices, providers.',
  },
  {
    name: 'mcp_config_path',
    value: (c) => c.mcpConfigPath,
    variables: ['MCP_CONFIG_PATH'],
    type: 'path',
    effect: 'The MCP file: the MCP servers whose tools are offered.',
  },
  {
    name: 'hero_db_socket',
    value: (c) => c.heroDbSocket,
    variables: ['HERO_AIBROKER_DB_SOCKET'],
    type: 'path',
    default: '`hero_db/rpc.sock` in the socket folder',
    effect:
      'The management socket of hero_db. When it is set, mothers and priorities are kept there, and a start without it fails.',
  },
  {
    name: 'settings',
    value: (c) => (c.settings.kind === 'redis' ? c.settings.address.location : c.settings.kind),
    variables: ['AIBROKER_SETTINGS'],
    type: '`sqlite`, `redis://…`, `rediss://…` or `unix:///…?db=N`',
    default: 'sqlite',
    effect:
      'Where mothers and priorities are kept: the broker’s own database, or a Redis, Valkey or hero_db. A start fails when it can’t be reached.',
  },
  {
    name: 'routing_strategy',
    value: (c) => c.routingStrategy,
    variables: ['ROUTING_STRATEGY'],
    type: '`cheapest` or `best`',
    default: D.routingStrategy,
    effect: 'What the model `auto` means.',
  },
  {
    name: 'address',
    value: (c) => c.listen?.address,
    variables: ['--address'],
    type: 'IP address, or `auto`',
    effect:
      'Also listens on TCP at this address; needs `--port`. Beyond loopback `ADMIN_TOKEN` must be set. `auto` is the mycelium address of this host: `HERO_MYCELIUM_IP`, or that of `~/hero/cfg/hero_cfg.toml`, or of an interface in 400::/7.',
  },
  {
    name: 'mycelium_ip',
    value: (c) => c.myceliumIp,
    variables: ['HERO_MYCELIUM_IP'],
    type: 'IP address',
    effect: 'The address that `--address auto` listens at.',
  },
  {
    name: 'port',
    value: (c) => c.listen?.port,
    variables: ['--port'],
    type: 'whole number to 65535',
    effect: 'The port of `--address`; 0 takes a free one.',
  },
  {
    name: 'tls_cert',
    value: (c) => c.tls?.certPath,
    variables: ['AIBROKER_TLS_CERT'],
    type: 'path',
    effect: 'Certificate chain (PEM) with which the TCP listener speaks TLS. The file may hold the key, too.',
  },
  {
    name: 'tls_key',
    value: (c) => c.tls?.keyPath,
    variables: ['AIBROKER_TLS_KEY'],
    type: 'path',
    effect: 'The key of `AIBROKER_TLS_CERT` (PEM), where it is in a file of its own.',
  },
  {
    name: 'mother',
    value: (c) => c.isMother,
    variables: ['--mother'],
    type: 'flag',
    default: 'false',
    effect: 'Calls this broker the root of a cascade; shown by `info`.',
  },
  {
    name: 'max_hops',
    value: (c) => c.maxHops,
    variables: ['AIBROKER_MAX_HOPS'],
    type: COUNT,
    unit: 'brokers',
    default: '4',
    effect: 'How many brokers above this one a request may pass that begins here.',
  },
  {
    name: 'cascade_retries',
    value: (c) => c.cascadeRetries,
    variables: ['AIBROKER_CASCADE_RETRIES'],
    type: COUNT,
    unit: 'retries',
    default: '3',
    effect: 'How many retries a request may cause that may go to a broker above, over all brokers together.',
  },
  {
    name: 'workers',
    value: (c) => c.workers,
    variables: ['--workers', 'AIBROKER_WORKERS'],
    type: 'whole number from 1 to 256',
    unit: 'processes',
    default: String(D.workers),
    effect: 'Processes that serve requests; one uses one core.',
  },
  {
    name: 'detect_local_servers',
    value: (c) => c.detectsLocalServers,
    variables: ['AIBROKER_DETECT'],
    type: SWITCH,
    default: 'on',
    effect: 'Whether the usual ports of model servers on this host are probed at the start.',
  },
  {
    name: 'refresh_catalogue',
    value: (c) => c.refreshesModelLists,
    variables: ['AIBROKER_CATALOG'],
    type: SWITCH,
    default: 'on',
    effect: 'Whether the model lists of providers are fetched at the start and every hour.',
  },
  {
    name: 'http_client',
    value: (c) => c.httpClient,
    variables: ['AIBROKER_HTTP_CLIENT'],
    type: '`lean` or `undici`',
    default: D.httpClient,
    effect: 'The HTTP client for providers: our own, or undici where ours fails.',
  },
  {
    name: 'http_proxy',
    value: (c) => shownUrl(c.networkProxy.http),
    variables: ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'],
    type: 'URL',
    effect: 'The proxy through which providers with `http://` addresses are reached, except on this host.',
  },
  {
    name: 'https_proxy',
    value: (c) => shownUrl(c.networkProxy.https),
    variables: ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'],
    type: 'URL',
    effect: 'The proxy through which providers with `https://` addresses are reached.',
  },
  {
    name: 'no_proxy',
    value: (c) => c.networkProxy.noProxy,
    variables: ['no_proxy', 'NO_PROXY'],
    type: 'names, suffixes, addresses and networks with commas between',
    effect: 'Hosts that are reached without a proxy; `*` is all of them.',
  },
  {
    name: 'most_open_requests',
    value: (c) => c.maxOpenRequests,
    variables: ['AIBROKER_MAX_OPEN_REQUESTS'],
    type: COUNT,
    unit: 'requests',
    default: String(D.maxOpenRequests),
    effect: 'Further requests beyond so many open ones are rejected with 503.',
  },
  {
    name: 'probe_every_ms',
    value: (c) => c.probeEveryMs,
    variables: ['AIBROKER_PROBE_S'],
    type: COUNT,
    unit: 'seconds',
    effect: 'How often providers with an open circuit are probed; without it they are not.',
  },
  {
    name: 'hedge_percent',
    value: (c) => c.hedgePercent,
    variables: ['AIBROKER_HEDGE_PERCENT'],
    type: COUNT,
    unit: 'percent',
    default: String(D.hedgePercent),
    effect: 'At most this share of the requests that allow hedging is hedged.',
  },
  {
    name: 'keep_answers_ms',
    value: (c) => c.keepResponsesMs,
    variables: ['AIBROKER_IDEMPOTENCY_HOURS'],
    type: COUNT,
    unit: 'hours',
    default: String(D.idempotencyHours),
    effect: 'How long the responses of requests with an `Idempotency-Key` are kept.',
  },
  {
    name: 'keep_responses_ms',
    value: (c) => c.keepNamedResponsesMs,
    variables: ['AIBROKER_RESPONSES_HOURS'],
    type: COUNT,
    unit: 'hours',
    default: String(D.responsesHours),
    effect:
      'How long responses of `/v1/responses` are kept for `previous_response_id`, in memory alone; none are with `store: false`.',
  },
  {
    name: 'body_limit_bytes',
    value: (c) => c.bodyLimitBytes,
    variables: ['AIBROKER_BODY_LIMIT_MB'],
    type: COUNT,
    unit: 'megabytes',
    default: String(D.bodyLimitMb),
    effect: 'Larger request bodies are rejected with 413.',
  },
  {
    name: 'upload_limit_bytes',
    value: (c) => c.uploadLimitBytes,
    variables: ['AIBROKER_UPLOAD_LIMIT_MB'],
    type: COUNT,
    unit: 'megabytes',
    default: String(D.uploadLimitMb),
    effect: 'Larger uploaded files, such as sounds, are rejected with 413.',
  },
  {
    name: 'spool_limit_bytes',
    value: (c) => c.spoolLimitBytes,
    variables: ['AIBROKER_SPOOL_MB'],
    type: COUNT,
    unit: 'megabytes',
    default: String(D.spoolMb),
    effect:
      'Uploaded files are on disk while their requests run, so many of all requests together; beyond it an upload gets 503.',
  },
  {
    name: 'drain_timeout_ms',
    value: (c) => c.drainTimeoutMs,
    variables: ['AIBROKER_DRAIN_TIMEOUT_S'],
    type: COUNT,
    unit: 'seconds',
    default: String(D.drainTimeoutS),
    effect: 'How long running requests may continue during a stop.',
  },
  {
    name: 'trusted_proxies',
    value: (c) => listed(c.proxies),
    variables: ['AIBROKER_TRUSTED_PROXIES'],
    type: 'IP addresses and networks (`10.0.0.0/8`), with commas',
    effect: 'TCP peers whose `X-Forwarded-For` and `X-Hero-Context` are trusted.',
  },
  {
    name: 'hosts',
    value: (c) => listed(c.hosts),
    variables: ['AIBROKER_HOSTS'],
    type: 'host names, with commas',
    effect:
      'Names of the TCP listener in `Host` headers, besides its addresses and `localhost`; a request for any other is rejected.',
  },
  {
    name: 'cors_origins',
    value: (c) => listed(c.corsOrigins),
    variables: ['AIBROKER_CORS_ORIGINS'],
    type: 'origins, with commas',
    effect:
      'Web pages of these origins may use the broker from a browser (CORS), with a token; on every listener. None by default.',
  },
  {
    name: 'roll_up_64',
    value: (c) => c.rollsUp,
    variables: ['AIBROKER_ROLL_UP_64'],
    type: SWITCH,
    default: 'off',
    effect: 'One payer per /64 of IPv6.',
  },
  {
    name: 'context_sockets',
    value: (c) => listed(c.contextSockets),
    variables: ['AIBROKER_CONTEXT_SOCKETS'],
    type: 'contexts, with commas',
    effect: 'Contexts with a socket of their own, `rest.<context>.sock`.',
  },
  {
    name: 'open_tcp',
    value: (c) => c.allowsOpenTcp,
    variables: ['--open-tcp'],
    type: 'flag',
    default: 'false',
    effect: 'Allows `--address` beyond loopback without a token.',
  },
  {
    name: 'keep_days',
    value: (c) => c.keepDays,
    variables: ['AIBROKER_KEEP_DAYS'],
    type: COUNT,
    unit: 'days',
    default: String(D.keepDays),
    effect: 'Rows of single requests are deleted after so long; their totals stay.',
  },
  {
    name: 'durability',
    value: (c) => (c.durability === 'full' ? 'full' : 'soon'),
    variables: ['AIBROKER_DURABILITY'],
    type: '`soon` or `full`',
    default: D.durability,
    effect:
      'What a power cut may take: with `full` nothing that was acknowledged, with `soon` at most the last 50 ms.',
  },
  {
    name: 'hang_up',
    value: (c) => c.hangUp.policy,
    variables: ['AIBROKER_HANGUP'],
    type: '`drain` or `cut`',
    default: D.hangUp,
    effect:
      'What happens to a response after its caller disconnects, at a provider that goes on charging: it is read on, or aborted.',
  },
  {
    name: 'hang_up_drain_ms',
    value: (c) => (c.hangUp.policy === 'drain' ? c.hangUp.forMs : undefined),
    variables: ['AIBROKER_HANGUP_DRAIN_S'],
    type: COUNT,
    unit: 'seconds',
    default: String(D.hangUpDrainS),
    effect: 'How long it is read on; without effect under `AIBROKER_HANGUP=cut`.',
  },
  {
    name: 'log_level',
    value: (c) => c.logLevel,
    variables: ['AIBROKER_LOG_LEVEL'],
    type: '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
    default: D.logLevel,
    effect: 'The least level that is logged.',
  },
  {
    name: 'referer',
    value: (c) => c.attribution.referer,
    variables: ['OPENROUTER_HTTP_REFERER'],
    type: 'text',
    effect: 'The `HTTP-Referer` sent to OpenRouter for callers that send none.',
  },
  {
    name: 'title',
    value: (c) => c.attribution.title,
    variables: ['OPENROUTER_X_TITLE'],
    type: 'text',
    effect: 'The `X-Title` sent to OpenRouter for callers that send none.',
  },
  {
    name: 'admin_token',
    value: (c) => hidden(c.adminToken),
    variables: ['ADMIN_TOKEN'],
    type: 'secret',
    effect: 'The bearer token that TCP callers must send. May be in `.env`.',
  },
  {
    name: 'hero_secret',
    value: (c) => hidden(c.heroSecret),
    variables: ['HERO_SECRET'],
    type: 'secret',
    effect: 'The secret that signs Hero’s JSON Web Tokens. May be in `.env`.',
  },
  {
    name: 'alarm_webhook',
    value: (c) => shownUrl(c.alarmWebhook),
    variables: ['AIBROKER_ALARM_WEBHOOK'],
    type: 'URL',
    effect: 'Alarms are sent there when they begin and end; `docs/operations.md` has the form.',
  },
  {
    name: 'alarm_secret',
    value: (c) => hidden(c.alarmSecret),
    variables: ['AIBROKER_ALARM_SECRET'],
    type: 'secret',
    effect:
      'The secret that signs what is sent to `AIBROKER_ALARM_WEBHOOK`. May be in any source of secrets.',
  },
  {
    name: 'credentials_directory',
    value: (c) => c.credentialsDir,
    variables: ['CREDENTIALS_DIRECTORY'],
    type: 'path',
    effect:
      'Set by systemd (`LoadCredential=`): a folder of secrets, one file each, named like its variable, such as `OPENAI_API_KEY`.',
  },
  {
    name: 'keys_command',
    value: (c) => (c.hasKeysCommand ? '***' : undefined),
    variables: ['AIBROKER_KEYS_COMMAND'],
    type: 'text',
    effect:
      'A command of the shell that prints secrets as `.env` has them, within 10 s; it runs at the start and at each reload.',
  },
  ...timeoutRows({
    connectMs: ['10000', 'Until a provider accepts the connection.'],
    headersMs: ['120000', 'Until a provider begins its response.'],
    firstTokenMs: ['180000', 'Until the first token of a stream.'],
    gapMs: ['120000', 'Between two chunks of a stream.'],
    answerMs: ['600000', 'Until a plain response is complete.'],
    wholeMs: ['1800000', 'For a whole request, all attempts together.'],
  }),
]

type Limit = keyof typeof TIMEOUT_VARIABLES

/** The defaults are those of `providers`, which this module does not see; a test compares them. */
function timeoutRows(
  docs: Readonly<Record<Limit, readonly [defaultMs: string, effect: string]>>,
): SettingRow[] {
  return Object.entries(docs).map(([limit, [defaultMs, effect]]) => ({
    name: `timeout_${limit.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_ms`,
    value: (c) => c.timeouts[limit as Limit],
    variables: [TIMEOUT_VARIABLES[limit as Limit]],
    type: COUNT,
    unit: 'milliseconds',
    default: defaultMs,
    effect,
  }))
}

export const FLAGS: Readonly<Record<string, keyof Flags>> = {
  '--address': 'address',
  '--port': 'port',
  '--mother': 'mother',
  '--open-tcp': 'openTcp',
  '--workers': 'workers',
}

function listed(values: Iterable<string>): string | undefined {
  const text = [...values].join(', ')
  return text === '' ? undefined : text
}

function hidden(secret: object | undefined): string | undefined {
  return secret === undefined ? undefined : '***'
}
