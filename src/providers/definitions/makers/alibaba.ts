import type { ProviderDefinition } from '../../provider.ts'

export const alibaba: ProviderDefinition = {
  id: 'alibaba',
  displayName: 'Alibaba',
  // The international site; a key of the mainland site needs AIBROKER_ALIBABA_URL.
  baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  needsKey: true,
  // https://www.alibabacloud.com/help/en/model-studio/privacy-notice: no training, and API requests are not saved,
  // unless the account's monitoring writes logs, which a request cannot find out.
  privacy: { trains: false, retains: true },
  abortStopsBilling: false,
  // https://www.alibabacloud.com/help/en/model-studio/context-cache: explicit caching uses the marks.
  // Its embedding models take at most 10 texts per request.
  // https://www.alibabacloud.com/help/en/model-studio/partial-mode
  quirks: { maxInputs: 10, acceptsCacheControl: true, prefixMarker: 'partial', requestRules: 'alibaba' },
  sources: {
    baseUrl: [
      'https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope',
      '2026-11',
    ],
    abortStopsBilling: ['https://openrouter.ai/docs/api-reference/streaming', '2026-11'],
    privacy: ['https://www.alibabacloud.com/help/en/model-studio/privacy-notice', '2026-11'],
    quirks: ['https://www.alibabacloud.com/help/en/model-studio/context-cache', '2026-11'],
  },
  company: {
    privacyPolicyUrl:
      'https://www.alibabacloud.com/help/en/legal/latest/alibaba-cloud-international-website-privacy-policy',
    statusUrl: 'https://status.alibabacloud.com',
    headquarters: 'CN',
  },
}
