import type { ProviderDefinition } from '../../provider.ts'

export const zhipu: ProviderDefinition = {
  id: 'zhipu',
  displayName: 'Z.AI',
  // The international site; a key of the mainland site needs AIBROKER_ZHIPU_URL.
  baseUrl: 'https://api.z.ai/api/paas/v4',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://docs.z.ai/guides/overview/quick-start', '2026-11'],
    quirks: ['https://docs.z.ai/api-reference/llm/chat-completion', '2026-11'],
  },
  company: { headquarters: 'CN' },
}
