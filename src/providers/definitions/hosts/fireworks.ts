import type { ProviderDefinition } from '../../provider.ts'

export const fireworks: ProviderDefinition = {
  id: 'fireworks',
  displayName: 'Fireworks',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: [
      'https://github.com/anomalyco/models.dev/blob/dev/providers/fireworks-ai/provider.toml',
      '2026-12',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
}
