import type { ProviderDefinition } from '../provider.ts'

export const anthropic: ProviderDefinition = {
  id: 'anthropic',
  displayName: 'Anthropic',
  baseUrl: 'https://api.anthropic.com/v1',
  protocol: 'anthropic',
  needsKey: true,
  // https://privacy.claude.com, for commercial customers: no training; inputs and outputs are kept for up to 30 days.
  privacy: { trains: false, retains: true },
  // Its documentation says nothing of a request that is broken off, so that the worst case is assumed (read 2026-11).
  abortStopsBilling: false,
  // System messages among the turns: `MessageParam` of `@anthropic-ai/sdk` 1.14.
  quirks: { acceptsCacheControl: true, prefixMarker: 'none', takesLateSystem: true },
  company: {
    privacyPolicyUrl: 'https://www.anthropic.com/legal/privacy',
    termsUrl: 'https://www.anthropic.com/legal/commercial-terms',
    statusUrl: 'https://status.anthropic.com',
    headquarters: 'US',
  },
}
