import type { ProviderDefinition } from '../../provider.ts'

export const ovh: ProviderDefinition = {
  id: 'ovh',
  displayName: 'OVHcloud',
  baseUrl: 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/gpt-oss-120b/', '2026-11'],
  },
  company: { headquarters: 'FR' },
}
