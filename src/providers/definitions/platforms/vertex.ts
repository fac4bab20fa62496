import type { ProviderDefinition } from '../../provider.ts'

export const vertex: ProviderDefinition = {
  id: 'vertex',
  displayName: 'Google Vertex AI',
  // Its keys are access tokens, which expire after an hour.
  baseUrl: '',
  baseUrlForm:
    'https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}/endpoints/openapi',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    requestRules: 'vertex',
    prefixMarker: 'none',
    usageShape: { surplus: 'completion' },
  },
  sources: {
    baseUrl: ['https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai', 'unread'],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    usageShape: ['https://ai.google.dev/api/generate-content#UsageMetadata', 'unread'],
  },
}
