import type { ProviderDefinition } from '../../provider.ts'

export const gemini: ProviderDefinition = {
  id: 'gemini',
  displayName: 'Google Gemini',
  baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
  protocol: 'gemini',
  needsKey: true,
  abortStopsBilling: false,
  // https://github.com/lancedb/lancedb/pull/3618 (2026-07): at most 100 texts in one request for embeddings.
  quirks: { prefixMarker: 'none', maxInputs: 100 },
  sources: {
    baseUrl: ['https://ai.google.dev/gemini-api/docs/text-generation', 'unread'],
    quirks: ['https://github.com/lancedb/lancedb/pull/3618', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
}
