/**
 * What distinguishes the responses of the APIs that are written with OpenAI's fields: one object per API. The formatters
 * read it; nothing else of the pipeline knows which API the caller speaks.
 */
export interface ResponseShape {
  /** Whether `system_fingerprint` is null where the provider sends none; otherwise it is absent. */
  readonly hasNullFingerprint: boolean
  /** Role and content of a delta. `isLast`: its choice ends with it. */
  delta(content: unknown, isLast: boolean): object
  /** The type of a piece of a tool call; `isFirst`: it has the id of the call. */
  callType(isFirst: boolean): object
  /** The choices of the chunk with the usage; `silent` is a choice without content. */
  usageChoices(silent: object): readonly object[]
}

const ROLE = { role: 'assistant' } as const
const FUNCTION = { type: 'function' } as const
const NONE = {} as const
const NO_CHOICES: readonly object[] = []
const GOES_ON = { finish_reason: null, native_finish_reason: null } as const

/**
 * OpenRouter's shape, with one deviation: the chunk with the usage does not repeat the finish reason, since clients that
 * join chunks would read `stopstop` (langchain-ai/langchainjs#11054; read 2026-11).
 */
export const OPENROUTER_RESPONSES: ResponseShape = {
  // Its SDK requires the field to be there (`@openrouter/sdk` 0.13, read 2026-11).
  hasNullFingerprint: true,
  delta: (content) => ({ ...ROLE, content: content ?? '' }),
  callType: () => FUNCTION,
  usageChoices: (silent) => [{ ...silent, ...GOES_ON }],
}

/** OpenAI's shape: https://platform.openai.com/docs/api-reference/chat-streaming, read 2026-11. */
export const OPENAI_RESPONSES: ResponseShape = {
  hasNullFingerprint: false,
  delta: (content, isLast) => {
    const isSilent = content === undefined || content === null || (isLast && content === '')
    if (!isSilent) return { ...ROLE, content }
    return isLast ? NONE : ROLE
  },
  callType: (isFirst) => (isFirst ? FUNCTION : NONE),
  usageChoices: () => NO_CHOICES,
}
