/** The sender of a request, who pays for it. */
export interface Caller {
  /** The address that pays: an IP in canonical form, or `local` for a plain Unix socket. */
  readonly ip: string
  /** Hero context, a label under the address. Absent means no context, which is not the context `0`. */
  readonly context: string | undefined
  /** Id of the bearer that the caller proved to be, such as the id of its token; never the token itself. */
  readonly token?: string | undefined
  /** Whether a running tool call makes the request in the caller's name. Not part of who the caller is. */
  readonly viaTool?: true | undefined
}

/**
 * The key of a caller, for everything that is kept, replayed, shown or counted per caller: two keys are equal exactly if
 * address, context and token are equal.
 */
export function callerKey({ ip, context, token }: Caller): string {
  return JSON.stringify([ip, context ?? null, token ?? null])
}

/** Whether both are the same caller: the same address, context and token. */
export function isSameCaller(a: Caller, b: Caller): boolean {
  return a.ip === b.ip && a.context === b.context && a.token === b.token
}
