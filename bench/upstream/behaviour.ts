/** How the upstream responds from now on. */
export type UpstreamBehaviour =
  | { readonly type: 'plain'; readonly bodyBytes: number }
  | {
      readonly type: 'stream'
      readonly chunks: number
      /** Milliseconds between two chunks; 0 sends all chunks at once. */
      readonly everyMs: number
      readonly firstAfterMs: number
    }

export type UpstreamCommand = { readonly type: 'listen' | 'stats' | 'cut-streams' } | UpstreamBehaviour

export interface UpstreamStats {
  readonly port: number
  readonly requests: number
  readonly openConnections: number
  readonly openStreams: number
  /** Streams whose connection closed before their end. */
  readonly abortedStreams: number
  readonly chunks: number
}
