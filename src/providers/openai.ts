import type { ProviderDefinition } from './provider.ts'

export const openai: ProviderDefinition = {
  id: 'openai',
  displayName: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  needsKey: true,
  abortStopsBilling: true,
}
