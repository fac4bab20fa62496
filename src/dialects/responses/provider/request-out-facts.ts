/** What a request depends on beside the chat. */
export interface RequestOutFacts {
  readonly modelId: string
  readonly stream: boolean
  /** The model is known to reason, or not to. */
  readonly reasons: boolean | undefined
  /** Opens the seal of opaque thinking; `undefined` for what this provider did not make. */
  open(sealed: string): string | undefined
}
