import type { OutgoingHttpHeaders } from 'node:http'

/** Where the load is sent: a Unix socket, or a port of 127.0.0.1. */
export type Target = { readonly socketPath: string } | { readonly port: number }

/** A program between the load and the upstream, started for the length of a benchmark. */
export interface Contender {
  readonly name: string
  /** Needs a warm-up, as every Node program does until V8 has compiled it. */
  readonly warmsUp?: boolean | undefined
  /** The reason why it cannot run here, in one line; `undefined` when it can. */
  missing?: (() => string | undefined) | undefined
  /** Resolves once it responds to requests. */
  start(upstream: UpstreamAddress): Promise<Running>
}

export interface UpstreamAddress {
  readonly port: number
}

export interface Running {
  readonly target: Target
  /** The process whose cost is measured, children included; `undefined` for `direct`, which has none. */
  readonly pid: number | undefined
  /** `/v1/chat/completions` by default. */
  readonly path?: string | undefined
  readonly headers?: OutgoingHttpHeaders | undefined
  stop(): Promise<void>
}
