import type { ProviderDefinition } from './provider.ts'

export const openai: ProviderDefinition = {
  id: 'openai',
  displayName: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  needsKey: true,
  // https://openai.com/policies/api-data-usage-policies: no training, kept up to 30 days against abuse.
  privacy: { trains: false, retains: true },
  abortStopsBilling: true,
  // `max_tokens` is deprecated there, and models that reason refuse it.
  quirks: { maxTokensField: 'max_completion_tokens' },
}
