import type { ProviderDefinition } from '../../provider.ts'

export const azure: ProviderDefinition = {
  id: 'azure',
  displayName: 'Azure OpenAI',
  // Model ids are the names of deployments.
  baseUrl: '',
  baseUrlForm: 'https://{resource}.openai.azure.com/openai/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_completion_tokens',
    maxInputs: 2048,
    prefixMarker: 'none',
    droppedFields: ['top_k', 'min_p', 'top_a', 'repetition_penalty'],
  },
  sources: {
    baseUrl: ['https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference', 'unread'],
  },
}
