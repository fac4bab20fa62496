/**
 * How a vendor's usage object deviates from OpenAI's, where reasoning tokens are inside `completion_tokens`, cached ones
 * inside `prompt_tokens`, and the total is the sum of both. What is absent is as at OpenAI, or not known to differ.
 */
export interface UsageShape {
  /** `beside`: reasoning tokens are counted apart from `completion_tokens`. */
  readonly reasoning?: 'inside' | 'beside' | undefined
  /** `beside`: tokens read from a cache or written to it are counted apart from `prompt_tokens`. */
  readonly cache?: 'inside' | 'beside' | undefined
  /** Tokens that only the total has are output: the vendor bills reasoning that it does not itemise. */
  readonly surplus?: 'completion' | undefined
  /** Where the vendor states what it charged, below `usage`, and how many of its units are a US dollar. */
  readonly charge?: { readonly path: readonly string[]; readonly perUsd: number } | undefined
}
