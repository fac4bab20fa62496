import type { ProviderDefinition } from '../../provider.ts'

export const nebius: ProviderDefinition = {
  id: 'nebius',
  displayName: 'Nebius',
  baseUrl: 'https://api.tokenfactory.nebius.com/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: [
      'https://docs.tokenfactory.nebius.com/api-reference/inference/create-chat-completion',
      '2026-11',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
  company: { headquarters: 'NL' },
}
