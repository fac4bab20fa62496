import type { ProviderDefinition } from '../../provider.ts'

export const xai: ProviderDefinition = {
  id: 'xai',
  displayName: 'xAI',
  baseUrl: 'https://api.x.ai/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    prefixMarker: 'none',
    usageShape: { reasoning: 'beside', charge: { path: ['cost_in_usd_ticks'], perUsd: 10_000_000_000 } },
  },
  sources: {
    baseUrl: ['https://docs.x.ai/docs/api-reference', 'unread'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    // Of reasoning; the charge in ticks is not on that page.
    usageShape: [
      'https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning',
      '2026-12',
    ],
  },
}
