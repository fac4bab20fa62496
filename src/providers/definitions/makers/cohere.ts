import type { ProviderDefinition } from '../../provider.ts'

export const cohere: ProviderDefinition = {
  id: 'cohere',
  displayName: 'Cohere',
  baseUrl: 'https://api.cohere.ai/compatibility/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_tokens',
    maxInputs: 96,
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://docs.cohere.com/docs/compatibility-api', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.cohere.com/docs/compatibility-api', 'unread'],
  },
}
