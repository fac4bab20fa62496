import type { OutgoingHttpHeaders } from 'node:http'

/** Where a load goes: a Unix socket, or a port of 127.0.0.1. */
export type Target = { readonly socketPath: string } | { readonly port: number }

/** Something that stands between the load and the upstream, started for the length of a bench. */
export interface Contender {
  readonly name: string
  /** Gets faster in its first seconds, as what Node runs does. */
  readonly warmsUp?: boolean | undefined
  /** Why it can't run here, in one line; `undefined` when it can. */
  missing?: (() => string | undefined) | undefined
  /** Resolves once it answers. */
  start(upstream: UpstreamAddress): Promise<Running>
}

export interface UpstreamAddress {
  readonly port: number
}

export interface Running {
  readonly target: Target
  /** The process whose cost is counted, children included; `undefined` when nothing stands between. */
  readonly pid: number | undefined
  /** `/v1/chat/completions` unless told. */
  readonly path?: string | undefined
  readonly headers?: OutgoingHttpHeaders | undefined
  stop(): Promise<void>
}
