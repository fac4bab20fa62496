import type { ProviderDefinition } from '../../provider.ts'

export const jina: ProviderDefinition = {
  id: 'jina',
  displayName: 'Jina AI',
  baseUrl: 'https://api.jina.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxInputs: 512,
  },
  sources: {
    baseUrl: ['https://jina.ai/embeddings/', '2026-11'],
    quirks: ['https://jina.ai/embeddings/', '2026-11'],
  },
  company: { headquarters: 'DE' },
}
