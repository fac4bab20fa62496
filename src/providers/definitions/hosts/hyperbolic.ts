import type { ProviderDefinition } from '../../provider.ts'

export const hyperbolic: ProviderDefinition = {
  id: 'hyperbolic',
  displayName: 'Hyperbolic',
  baseUrl: 'https://api.hyperbolic.xyz/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://docs.litellm.ai/docs/providers/hyperbolic', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
  company: { headquarters: 'US' },
}
