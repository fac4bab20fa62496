import type { ProviderDefinition } from '../../provider.ts'

/**
 * Perplexity ended its chat completions on 2026-09-27 and offers an Agent API instead, which is another protocol
 * (https://github.com/vercel/ai/releases/tag/@ai-sdk%2Fperplexity@3.1.0, read 2026-12). This definition is for proxies that still
 * speak the old form.
 */
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
    baseUrl: [
      'https://github.com/anomalyco/models.dev/blob/dev/providers/perplexity/provider.toml',
      '2026-12',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.perplexity.ai/api-reference/chat-completions-post', 'unread'],
    usageShape: ['https://schemas.apis.io/schemas/perplexity/perplexity-usageinfo/', '2026-11'],
  },
}
