import type { ProviderDefinition } from '../../provider.ts'

export const openai: ProviderDefinition = {
  id: 'openai',
  displayName: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  needsKey: true,
  // https://platform.openai.com/docs/guides/your-data: no training, kept up to 30 days against abuse.
  privacy: { trains: false, retains: true },
  abortStopsBilling: true,
  // https://platform.openai.com/docs/api-reference/embeddings: at most 2048 inputs per request.
  // `max_tokens` is deprecated there, and reasoning models refuse it.
  quirks: {
    maxTokensField: 'max_completion_tokens',
    maxInputs: 2048,
    // Developer and system messages may stand anywhere: https://platform.openai.com/docs/guides/text, read 2026-11.
    takesLateSystem: true,
    prefixMarker: 'none',
    requestRules: 'openai',
  },
  sources: {
    baseUrl: ['https://platform.openai.com/docs/api-reference', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    privacy: ['https://platform.openai.com/docs/guides/your-data', '2026-11'],
    quirks: ['https://platform.openai.com/docs/api-reference', '2026-11'],
  },
  company: {
    privacyPolicyUrl: 'https://openai.com/policies/privacy-policy',
    termsUrl: 'https://openai.com/policies/row-terms-of-use',
    statusUrl: 'https://status.openai.com',
    headquarters: 'US',
  },
}
