import type { ProviderDefinition } from '../../provider.ts'

export const openrouter: ProviderDefinition = {
  id: 'openrouter',
  displayName: 'OpenRouter',
  baseUrl: 'https://openrouter.ai/api/v1',
  needsKey: true,
  // For streams only, and true for most of the providers behind it; its documentation lists them under “Stream cancellation”.
  abortStopsBilling: true,
  // It passes an assistant prefix through; whether the provider behind it continues from the prefix is not documented.
  quirks: { speaksOpenRouter: true, prefixMarker: 'none' },
  sources: {
    baseUrl: ['https://openrouter.ai/docs/quickstart', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://openrouter.ai/docs/api-reference/overview', '2026-11'],
  },
  company: {
    privacyPolicyUrl: 'https://openrouter.ai/privacy',
    termsUrl: 'https://openrouter.ai/terms',
    statusUrl: 'https://status.openrouter.ai',
    headquarters: 'US',
  },
}
