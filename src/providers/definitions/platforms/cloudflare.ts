import type { ProviderDefinition } from '../../provider.ts'

export const cloudflare: ProviderDefinition = {
  id: 'cloudflare',
  displayName: 'Cloudflare',
  baseUrl: '',
  baseUrlForm: 'https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1',
  needsKey: true,
  abortStopsBilling: true,
  quirks: {
    requestRules: 'open-models',
    maxTokensField: 'max_tokens',
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: [
      'https://github.com/anomalyco/models.dev/blob/dev/providers/cloudflare-workers-ai/provider.toml',
      '2026-11',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    quirks: ['https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/', 'unread'],
  },
}
