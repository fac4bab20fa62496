import type { ProviderDefinition } from '../../provider.ts'

export const bedrock: ProviderDefinition = {
  id: 'bedrock',
  displayName: 'Amazon Bedrock',
  // With a key of Bedrock, not with a signature of AWS.
  baseUrl: '',
  baseUrlForm: 'https://bedrock-runtime.{region}.amazonaws.com/openai/v1',
  needsKey: true,
  abortStopsBilling: false,
  quirks: {
    prefixMarker: 'none',
  },
  sources: {
    baseUrl: [
      'https://docs.aws.amazon.com/bedrock/latest/userguide/models-endpoint-availability.html',
      '2026-11',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
  },
  company: { headquarters: 'US' },
}
