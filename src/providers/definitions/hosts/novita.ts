import type { ProviderDefinition } from '../../provider.ts'

export const novita: ProviderDefinition = {
  id: 'novita',
  displayName: 'Novita AI',
  baseUrl: 'https://api.novita.ai/openai/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion', '2026-11'],
  },
  company: { headquarters: 'US' },
}
