/** A provider as the `providers:` section of the file describes it; adds one, or changes one that is built in. */
export interface ProviderSetting {
  readonly name: string
  readonly displayName?: string | undefined
  /** `https://…`, `http://…` or `http+unix://%2Fpath%2Fof.sock/v1`. */
  readonly baseUrl?: string | undefined
  /** Name of the variable that holds the key or keys. */
  readonly keyEnv?: string | undefined
  /** Keys one by one, instead of `keyEnv`. */
  readonly keys?: readonly KeyRow[] | undefined
  readonly timeouts?: Timeouts | undefined
  /** Sent with every request, beside the key. */
  readonly headers: ReadonlyMap<string, string>
  /** Named deviations of its dialect, as written; whoever speaks to providers knows which there are. */
  readonly quirks: ReadonlyMap<string, string | number | boolean>
  /** Whether hanging up early also stops the bill. */
  readonly abortStopsBilling?: boolean | undefined
  /** `any`: a model asked for as `provider/name` is passed on although no row lists it; it then has no known price. */
  readonly models?: 'listed' | 'any' | undefined
  readonly server?: ServerSetting | undefined
}

/** One or several keys that are to be used in the same way. */
export interface KeyRow {
  /** Name of the variable that holds them. */
  readonly env: string
  /** Share of the load among keys of the same priority. */
  readonly weight?: number | undefined
  /** Sparse integer, lower is used first. */
  readonly priority?: number | undefined
  readonly requestsPerMinute?: number | undefined
}

/** Bounds on this provider's silence that differ from the usual ones, in milliseconds. */
export interface Timeouts {
  readonly connectMs?: number
  readonly headersMs?: number
  readonly firstTokenMs?: number
  readonly gapMs?: number
  readonly answerMs?: number
}

/** A local server that the broker starts when it is first needed. */
export interface ServerSetting {
  /** Program and arguments; `{socket}` and `{port}` stand for what the broker chooses. */
  readonly command: readonly string[]
  /** Path that answers 200 once the server can work. */
  readonly readyPath?: string | undefined
  /** Stopped when nobody asked it for so long. */
  readonly idleTimeoutMs?: number | undefined
  /** A fixed port, for servers that can't be told one. */
  readonly port?: number | undefined
}
