import type { ProviderDefinition } from '../../provider.ts'

export const voyage: ProviderDefinition = {
  id: 'voyage',
  displayName: 'Voyage AI',
  baseUrl: 'https://api.voyageai.com/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxInputs: 1000,
  },
  sources: {
    baseUrl: ['https://docs.voyageai.com/reference/embeddings-api', '2026-11'],
    quirks: ['https://docs.voyageai.com/reference/embeddings-api', '2026-11'],
  },
  company: { headquarters: 'US' },
}
