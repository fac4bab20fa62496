import type { ProviderDefinition } from '../../provider.ts'

export const huggingface: ProviderDefinition = {
  id: 'huggingface',
  displayName: 'Hugging Face',
  baseUrl: 'https://router.huggingface.co/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    requestRules: 'open-models',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: [
      'https://github.com/anomalyco/models.dev/blob/dev/providers/huggingface/provider.toml',
      '2026-11',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
}
