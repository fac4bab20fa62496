import type { ProviderDefinition } from '../../provider.ts'

export const deepseek: ProviderDefinition = {
  id: 'deepseek',
  displayName: 'DeepSeek',
  baseUrl: 'https://api.deepseek.com',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://api-docs.deepseek.com', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://api-docs.deepseek.com/api/create-chat-completion', '2026-11'],
  },
  company: { headquarters: 'CN' },
}
