import type { ProviderDefinition } from '../../provider.ts'

export const deepinfra: ProviderDefinition = {
  id: 'deepinfra',
  displayName: 'DeepInfra',
  baseUrl: 'https://api.deepinfra.com/v1/openai',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    prefixMarker: 'none',
    usageShape: { charge: { path: ['estimated_cost'], perUsd: 1 } },
  },
  sources: {
    baseUrl: ['https://deepinfra.com/docs/openai_api', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    usageShape: ['https://deepinfra.com/docs/openai_api', '2026-11'],
  },
  company: { headquarters: 'US' },
}
