import type { ProviderDefinition } from '../../provider.ts'

export const anthropic: ProviderDefinition = {
  id: 'anthropic',
  displayName: 'Anthropic',
  baseUrl: 'https://api.anthropic.com/v1',
  protocol: 'anthropic',
  needsKey: true,
  abortStopsBilling: true,
  // System messages among the turns: `MessageParam` of `@anthropic-ai/sdk` 1.14.
  quirks: { acceptsCacheControl: true, prefixMarker: 'none', takesLateSystem: true },
  sources: {
    baseUrl: ['https://docs.claude.com/en/api/messages', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://docs.claude.com/en/api/messages', '2026-11'],
  },
  company: { headquarters: 'US' },
}
