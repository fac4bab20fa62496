import type { ProviderDefinition } from '../../provider.ts'

export const groq: ProviderDefinition = {
  id: 'groq',
  displayName: 'Groq',
  baseUrl: 'https://api.groq.com/openai/v1',
  needsKey: true,
  // https://console.groq.com/docs/your-data: no training; kept only to debug faults and against abuse, which a request cannot opt out of.
  privacy: { trains: false, retains: true },
  abortStopsBilling: false,
  // https://console.groq.com/docs/prefilling: the role alone marks the prefix.
  quirks: { prefixMarker: 'role', requestRules: 'groq' },
  sources: {
    baseUrl: ['https://console.groq.com/docs/openai', '2026-12'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    privacy: ['https://console.groq.com/docs/your-data', '2026-11'],
    quirks: ['https://console.groq.com/docs/openai', '2026-11'],
  },
  company: {
    privacyPolicyUrl: 'https://groq.com/privacy-policy',
    termsUrl: 'https://groq.com/terms-of-use',
    statusUrl: 'https://groqstatus.com',
    headquarters: 'US',
  },
}
