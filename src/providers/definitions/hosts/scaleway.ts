import type { ProviderDefinition } from '../../provider.ts'

export const scaleway: ProviderDefinition = {
  id: 'scaleway',
  displayName: 'Scaleway',
  baseUrl: 'https://api.scaleway.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://www.scaleway.com/en/docs/generative-apis/', '2026-11'],
  },
  company: { headquarters: 'FR' },
}
