import type { ProviderDefinition } from './provider.ts'

export const sambanova: ProviderDefinition = {
  id: 'sambanova',
  displayName: 'SambaNova',
  baseUrl: 'https://api.sambanova.ai/v1',
  needsKey: true,
  // https://sambanova.ai/privacy-policy: no training on API content; of keeping it says nothing binding.
  privacy: { trains: false, retains: true },
  abortStopsBilling: false,
  quirks: { maxTokensField: 'max_tokens', prefixMarker: 'none' },
  company: {
    privacyPolicyUrl: 'https://sambanova.ai/privacy-policy',
    termsUrl: 'https://sambanova.ai/terms-and-conditions',
    headquarters: 'US',
  },
}
