/** The sender of a request, who pays for it. */
export interface Caller {
  /** The address that pays: an IP in canonical form, or `local` for a plain Unix socket. */
  readonly ip: string
  /** Hero context, a label under the address. Absent means no context, which is not the context `0`. */
  readonly context: string | undefined
  /** Id of the token that the caller sent, never the token itself. */
  readonly token?: string | undefined
}
