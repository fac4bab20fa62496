import type { ProviderDefinition } from '../provider.ts'

export const openrouter: ProviderDefinition = {
  id: 'openrouter',
  displayName: 'OpenRouter',
  baseUrl: 'https://openrouter.ai/api/v1',
  needsKey: true,
  // True for most of the providers behind it; which ones, its documentation lists under “Stream cancellation”.
  abortStopsBilling: true,
  // It passes the beginning of an answer on; whether whoever answers behind it continues from it, nobody says.
  quirks: { speaksOpenRouter: true, prefixMarker: 'none' },
  company: {
    privacyPolicyUrl: 'https://openrouter.ai/privacy',
    termsUrl: 'https://openrouter.ai/terms',
    statusUrl: 'https://status.openrouter.ai',
    headquarters: 'US',
  },
}
