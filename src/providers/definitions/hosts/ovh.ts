import type { ProviderDefinition } from '../../provider.ts'

export const ovh: ProviderDefinition = {
  id: 'ovh',
  displayName: 'OVHcloud',
  baseUrl: 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    requestRules: 'open-models',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://github.com/anomalyco/models.dev/blob/dev/providers/ovhcloud/provider.toml', '2026-11'],
  },
}
