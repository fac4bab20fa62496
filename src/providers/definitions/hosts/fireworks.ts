import type { ProviderDefinition } from '../../provider.ts'

export const fireworks: ProviderDefinition = {
  id: 'fireworks',
  displayName: 'Fireworks',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://docs.fireworks.ai/tools-sdks/openai-compatibility', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
  company: { headquarters: 'US' },
}
