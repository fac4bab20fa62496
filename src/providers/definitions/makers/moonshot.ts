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
    baseUrl: ['https://platform.moonshot.ai/docs/api/chat', '2026-11'],
    quirks: ['https://platform.moonshot.ai/docs/api/partial', '2026-11'],
  },
  company: { headquarters: 'CN' },
}
