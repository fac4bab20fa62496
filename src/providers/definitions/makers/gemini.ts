import type { ProviderDefinition } from '../../provider.ts'

export const gemini: ProviderDefinition = {
  id: 'gemini',
  displayName: 'Google Gemini',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  protocol: 'gemini',
  needsKey: true,
  abortStopsBilling: false,
  quirks: { prefixMarker: 'none' },
  sources: {
    baseUrl: ['https://ai.google.dev/gemini-api/docs/text-generation', 'unread'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
}
