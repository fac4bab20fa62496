import type { ProviderDefinition } from '../../provider.ts'

export const anthropic: ProviderDefinition = {
  id: 'anthropic',
  displayName: 'Anthropic',
  baseUrl: 'https://api.anthropic.com/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://docs.claude.com/en/api/openai-sdk', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.claude.com/en/api/openai-sdk', '2026-11'],
  },
  company: { headquarters: 'US' },
}
