import type { ProviderDefinition } from '../../provider.ts'

export const minimax: ProviderDefinition = {
  id: 'minimax',
  displayName: 'MiniMax',
  // The international site; a key of the mainland site needs AIBROKER_MINIMAX_URL.
  baseUrl: 'https://api.minimax.io/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://platform.minimax.io/docs/api-reference/text-openai-api', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
}
