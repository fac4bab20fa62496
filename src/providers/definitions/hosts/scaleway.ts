import type { ProviderDefinition } from '../../provider.ts'

export const scaleway: ProviderDefinition = {
  id: 'scaleway',
  displayName: 'Scaleway',
  baseUrl: 'https://api.scaleway.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    requestRules: 'open-models',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://github.com/anomalyco/models.dev/blob/dev/providers/scaleway/provider.toml', '2026-11'],
  },
}
