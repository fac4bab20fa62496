import type { ProviderDefinition } from '../../provider.ts'

export const nebius: ProviderDefinition = {
  id: 'nebius',
  displayName: 'Nebius',
  baseUrl: 'https://api.tokenfactory.nebius.com/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    requestRules: 'open-models',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://github.com/anomalyco/models.dev/blob/dev/providers/nebius/provider.toml', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
}
