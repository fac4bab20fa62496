import type { ProviderDefinition } from '../../provider.ts'

export const gemini: ProviderDefinition = {
  id: 'gemini',
  displayName: 'Google Gemini',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
    usageShape: { surplus: 'completion' },
  },
  sources: {
    baseUrl: ['https://ai.google.dev/gemini-api/docs/openai', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    usageShape: ['https://ai.google.dev/api/generate-content#UsageMetadata', 'unread'],
  },
}
