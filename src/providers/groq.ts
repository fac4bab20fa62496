import type { ProviderDefinition } from './provider.ts'

export const groq: ProviderDefinition = {
  id: 'groq',
  displayName: 'Groq',
  baseUrl: 'https://api.groq.com/openai/v1',
  needsKey: true,
  abortStopsBilling: false,
}
