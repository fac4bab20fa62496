import type { ProviderDefinition } from '../../provider.ts'

export const sambanova: ProviderDefinition = {
  id: 'sambanova',
  displayName: 'SambaNova',
  baseUrl: 'https://api.sambanova.ai/v1',
  needsKey: true,
  // https://community.sambanova.ai/t/data-handling-and-retention/1314: SambaNova states that it neither trains on
  // nor keeps data; its terms only bind it not to train.
  privacy: { trains: false, retains: true },
  abortStopsBilling: false,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
    // https://docs.sambanova.ai/docs/en/api-reference/endpoints/create-transcription (2026-11)
    transcriptFormats: ['json', 'text'],
    requestRules: 'sambanova',
  },
  sources: {
    baseUrl: ['https://docs.sambanova.ai/cloud/docs/get-started/overview', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    privacy: ['https://community.sambanova.ai/t/data-handling-and-retention/1314', '2026-11'],
    quirks: ['https://docs.sambanova.ai/cloud/api-reference/endpoints/chat', '2026-11'],
  },
  company: {
    privacyPolicyUrl: 'https://sambanova.ai/privacy-policy',
    termsUrl: 'https://sambanova.ai/terms-and-conditions',
    statusUrl: 'https://status.sambanova.ai',
    // “71 Daggett Drive, San Jose, California”: https://sambanova.ai/sambastack-hosted-terms-of-service
    headquarters: 'US',
  },
}
