import type { ProviderDefinition } from '../../provider.ts'

export const perplexity: ProviderDefinition = {
  id: 'perplexity',
  displayName: 'Perplexity',
  baseUrl: 'https://api.perplexity.ai',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
    usageShape: { charge: { path: ['cost', 'total_cost'], perUsd: 1 } },
  },
  sources: {
    baseUrl: ['https://docs.perplexity.ai/api-reference/chat-completions-post', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.perplexity.ai/api-reference/chat-completions-post', '2026-11'],
    usageShape: ['https://schemas.apis.io/schemas/perplexity/perplexity-usageinfo/', '2026-11'],
  },
  company: { headquarters: 'US' },
}
