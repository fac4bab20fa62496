import type { ErrorCode } from '../../base/errors.ts'

/** How providers report that a prompt is too long or its content barred. They share no status or code for either. */
interface RefusalKind {
  readonly code: ErrorCode
  /** Values of `error.code` or `error.type`. */
  readonly names: readonly string[]
  /** Matches the error's message. */
  readonly pattern: RegExp
}

const REFUSAL_KINDS: readonly RefusalKind[] = [
  {
    code: 'context-too-long',
    names: [
      'context_length_exceeded', // OpenAI, Groq, OpenRouter
      'exceed_context_size_error', // llama.cpp
      'model_context_window_exceeded',
      'max_tokens_exceeded', // OpenRouter
      'token_limit_exceeded',
    ],
    pattern: new RegExp(
      [
        'maximum context length', // OpenAI, OpenRouter, vLLM, DeepSeek, Mistral
        'prompt is too long', // Anthropic
        'input is too long', // Bedrock
        'exceeds? the (maximum number of tokens|available context size|context window)', // Gemini, llama.cpp
        'maximum prompt length is', // xAI
        'context window exceeds', // MiniMax
        'reduce the length of the (messages|input|prompt)', // Groq, SambaNova
        'range of input length should be', // Alibaba
      ].join('|'),
      'i',
    ),
  },
  {
    code: 'content-refused',
    names: [
      'content_policy_violation', // OpenAI, OpenRouter
      'content_filter', // Azure
      'data_inspection_failed', // Alibaba
      'DataInspectionFailed',
      'PROHIBITED_CONTENT', // Gemini
      'moderation_blocked',
    ],
    pattern: new RegExp(
      [
        'flagged (as|by|for)', // OpenRouter’s moderation, OpenAI
        'requires moderation', // OpenRouter
        'content (management|filtering) policy', // Azure, Anthropic
        'violates? (our |the )?(usage|safety) (guidelines|policy|policies)', // xAI, OpenAI
        'inappropriate content', // Alibaba
      ].join('|'),
      'i',
    ),
  },
]

/** The kind of a refusal, by the names and the message of the error; `undefined` when they match no known kind. */
export function refusalKind(names: readonly unknown[], message: string | undefined): ErrorCode | undefined {
  const kind = REFUSAL_KINDS.find(
    (each) =>
      names.some((name) => typeof name === 'string' && each.names.includes(name)) ||
      (message !== undefined && each.pattern.test(message)),
  )
  return kind?.code
}
