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
    baseUrl: ['https://docs.x.ai/docs/api-reference', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    usageShape: ['https://docs.x.ai/docs/guides/reasoning', '2026-11'],
  },
  company: { headquarters: 'US' },
}
