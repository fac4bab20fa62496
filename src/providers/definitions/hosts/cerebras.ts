import type { ProviderDefinition } from '../../provider.ts'

export const cerebras: ProviderDefinition = {
  id: 'cerebras',
  displayName: 'Cerebras',
  baseUrl: 'https://api.cerebras.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    maxTokensField: 'max_completion_tokens',
    droppedFields: [
      'frequency_penalty',
      'logit_bias',
      'presence_penalty',
      'top_k',
      'min_p',
      'top_a',
      'repetition_penalty',
    ],
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://github.com/anomalyco/models.dev/blob/dev/providers/cerebras/provider.toml', '2026-12'],
    quirks: ['https://inference-docs.cerebras.ai/resources/openai', 'unread'],
  },
}
