/** Who asks and pays. */
export interface Caller {
  /** The address that is billed: an IP in canonical form, or `local` for a plain Unix socket. */
  readonly ip: string
  /** Hero context, a label under the address; absent is nobody's context, not `0`. */
  readonly context: string | undefined
  /** Id of the token that was shown, never the token itself. */
  readonly token?: string | undefined
}
