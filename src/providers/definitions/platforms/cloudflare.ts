import type { ProviderDefinition } from '../../provider.ts'

export const cloudflare: ProviderDefinition = {
  id: 'cloudflare',
  displayName: 'Cloudflare',
  baseUrl: '',
  baseUrlForm: 'https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: ['https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/', '2026-11'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/', '2026-11'],
  },
  company: { headquarters: 'US' },
}
