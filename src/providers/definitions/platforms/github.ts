import type { ProviderDefinition } from '../../provider.ts'

export const github: ProviderDefinition = {
  id: 'github',
  displayName: 'GitHub Models',
  baseUrl: 'https://models.github.ai/inference',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: [
      'https://github.com/anomalyco/models.dev/blob/dev/providers/github-models/provider.toml',
      '2026-11',
    ],
  },
}
