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
    baseUrl: ['https://docs.github.com/en/github-models', '2026-11'],
  },
  company: { headquarters: 'US' },
}
