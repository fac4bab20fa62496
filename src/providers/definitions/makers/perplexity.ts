import type { ProviderDefinition } from '../../provider.ts'

/**
 * Its Agent API, which is OpenAI's Responses and has Sonar under one name, `perplexity/sonar`. It ended its chat completions on
 * 2026-09-27; a proxy that still speaks them is configured with `protocol: openai-chat`.
 */
export const perplexity: ProviderDefinition = {
  id: 'perplexity',
  displayName: 'Perplexity',
  baseUrl: 'https://api.perplexity.ai/v1',
  protocol: 'responses',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
    usageShape: { charge: { path: ['cost', 'total_cost'], perUsd: 1 } },
  },
  sources: {
    baseUrl: ['https://docs.stigg.io/documentation/ai-agents/providers/perplexity', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://github.com/vercel/ai/releases/tag/@ai-sdk%2Fperplexity@2.1.0', '2026-12'],
    usageShape: [
      'https://github.com/vercel/ai/blob/main/packages/perplexity/src/__fixtures__/agent-web-search.json',
      '2026-12',
    ],
  },
}
