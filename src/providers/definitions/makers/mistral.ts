import type { ProviderDefinition } from '../../provider.ts'

export const mistral: ProviderDefinition = {
  id: 'mistral',
  displayName: 'Mistral',
  baseUrl: 'https://api.mistral.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxTokensField: 'max_tokens',
    refusesStreamOptions: true,
    prefixMarker: 'prefix',
  },
  sources: {
    baseUrl: ['https://docs.mistral.ai/api', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.mistral.ai/api', '2026-11'],
  },
  company: { headquarters: 'FR' },
}
