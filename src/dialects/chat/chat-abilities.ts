/** What a provider of chat completions understands beyond the standard. */
export interface ChatAbilities {
  /** The model is known to reason; a wish to reason made in another dialect is passed on to no other. */
  readonly reasons: boolean
  /** It takes `cache_control` on parts, messages and tools. */
  readonly takesCacheMarks: boolean
  /** It takes `reasoning_details` in the history. */
  readonly takesReasoning: boolean
  /** It takes system messages that are not the first. */
  readonly takesLateSystem: boolean
}
