/** A provider as the `providers:` section of the models file describes it: a new one, or changes of a built-in one. */
export interface ProviderSetting {
  readonly name: string
  readonly displayName?: string | undefined
  /** `https://…`, `http://…` or `http+unix://%2Fpath%2Fof.sock/v1`. */
  readonly baseUrl?: string | undefined
  /** What it speaks; OpenAI's chat completions by default. */
  readonly protocol?: 'openai-chat' | 'anthropic' | 'gemini' | 'responses' | undefined
  /** The address of the HTTP proxy through which it is reached, or `direct`; as the environment says without it. */
  readonly proxy?: string | undefined
  /** Name of the environment variable that holds the key or keys. */
  readonly keyEnv?: string | undefined
  /** Keys one by one, instead of `keyEnv`. */
  readonly keys?: readonly KeyRow[] | undefined
  readonly timeouts?: Timeouts | undefined
  /** Sent with every request in addition to the key. */
  readonly headers: ReadonlyMap<string, string>
  /** Named deviations from its protocol, as written; `providers` defines which exist. */
  readonly quirks: ReadonlyMap<string, string | number | boolean>
  /** Whether aborting a stream also stops its charge. */
  readonly abortStopsBilling?: boolean | undefined
  /** Whether aborting a request without a stream also stops its charge. */
  readonly abortStopsPlainBilling?: boolean | undefined
  /** With `any`, a request for `provider/name` is forwarded although no row lists the model; it then has no known price. */
  readonly models?: 'listed' | 'any' | undefined
  readonly server?: ServerSetting | undefined
}

/** One or several keys that are used in the same way. */
export interface KeyRow {
  /** Name of the environment variable that holds them. */
  readonly env: string
  /** Share of the load among keys of the same priority. */
  readonly weight?: number | undefined
  /** Sparse integer; the lowest is used first. */
  readonly priority?: number | undefined
  readonly requestsPerMinute?: number | undefined
}

/** Timeouts of this provider that differ from the default ones, in milliseconds. */
export interface Timeouts {
  readonly connectMs?: number
  readonly headersMs?: number
  readonly firstTokenMs?: number
  readonly gapMs?: number
  readonly answerMs?: number
}

/** A local server that the broker starts with the first request that needs it. */
export interface ServerSetting {
  /** Program and arguments; `{socket}` and `{port}` are replaced by what the broker chooses. */
  readonly command: readonly string[]
  /** Path that responds with 200 once the server is ready. */
  readonly readyPath?: string | undefined
  /** The server is stopped after so long without a request. */
  readonly idleTimeoutMs?: number | undefined
  /** A fixed port, for servers whose port can't be configured. */
  readonly port?: number | undefined
}
