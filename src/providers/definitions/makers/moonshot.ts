import type { ProviderDefinition } from '../../provider.ts'

export const moonshot: ProviderDefinition = {
  id: 'moonshot',
  displayName: 'Moonshot AI',
  // The international site; a key of the mainland site needs AIBROKER_MOONSHOT_URL.
  baseUrl: 'https://api.moonshot.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'partial',
  },
  sources: {
    baseUrl: ['https://platform.kimi.ai/docs/api/quickstart', '2026-12'],
    quirks: ['https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api', '2026-12'],
  },
}
