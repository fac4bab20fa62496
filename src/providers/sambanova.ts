import type { ProviderDefinition } from './provider.ts'

export const sambanova: ProviderDefinition = {
  id: 'sambanova',
  displayName: 'SambaNova',
  baseUrl: 'https://api.sambanova.ai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: { maxTokensField: 'max_tokens' },
}
