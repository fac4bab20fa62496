import type { ProviderDefinition } from '../../provider.ts'

export const huggingface: ProviderDefinition = {
  id: 'huggingface',
  displayName: 'Hugging Face',
  baseUrl: 'https://router.huggingface.co/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://huggingface.co/docs/inference-providers', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
  company: { headquarters: 'US' },
}
