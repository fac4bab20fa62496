/** What a request depends on beside the chat. */
export interface RequestOutFacts {
  readonly modelId: string
  readonly stream: boolean
  /** The maximum that the model can respond with, as far as it is known. */
  readonly maxOutputTokens: number | undefined
  /** The model is known to reason, or not to. */
  readonly reasons: boolean | undefined
  /** The provider takes system messages among the turns. */
  readonly takesLateSystem: boolean
  /** Opens the seal of opaque thinking; `undefined` for what this provider did not make. */
  open(sealed: string): string | undefined
}
