import type { ProviderDefinition } from '../../provider.ts'

export const together: ProviderDefinition = {
  id: 'together',
  displayName: 'Together AI',
  baseUrl: 'https://api.together.ai/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://docs.together.ai/docs/inference/openai-compatibility', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.together.ai/reference/chat-completions-1', 'unread'],
  },
}
