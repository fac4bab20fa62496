import type { ProviderDefinition } from '../../provider.ts'

export const nvidia: ProviderDefinition = {
  id: 'nvidia',
  displayName: 'NVIDIA',
  // The schema of each model is closed, so that unknown fields are refused.
  baseUrl: 'https://integrate.api.nvidia.com/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://github.com/anomalyco/models.dev/blob/dev/providers/nvidia/provider.toml', '2026-12'],
    quirks: ['https://docs.api.nvidia.com/nim/reference/llm-apis', 'unread'],
  },
}
