/** What a request depends on beside the chat. */
export interface RequestOutFacts {
  readonly modelId: string
  /** The model is known to reason, or not to. */
  readonly reasons: boolean | undefined
  /** Opens the seal of opaque thinking; `undefined` for what this provider did not make with this key. */
  open(sealed: string): string | undefined
}

/** From its third generation on a model refuses a history in which a call of the current turn has no signature (documentation, read 2026-11). */
export function checksSignatures(modelId: string): boolean {
  return /gemini-([3-9]|\d\d)/.test(modelId)
}
