import type { ProviderDefinition } from '../provider.ts'

export const alibaba: ProviderDefinition = {
  id: 'alibaba',
  displayName: 'Alibaba',
  // The international site; a key of the mainland site needs AIBROKER_ALIBABA_URL.
  baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  needsKey: true,
  // https://www.alibabacloud.com/help/en/model-studio/privacy-notice: no training, and what is asked over the API isn't
  // saved; unless the account has its monitoring write logs, which no request can tell.
  privacy: { trains: false, retains: true },
  abortStopsBilling: false,
  // https://www.alibabacloud.com/help/en/model-studio/context-cache: explicit caching takes the marks.
  // Its embedding models take 10 texts at once.
  // https://www.alibabacloud.com/help/en/model-studio/partial-mode
  quirks: { mostInputs: 10, takesCacheControl: true, prefixMarker: 'partial' },
  company: {
    privacyPolicyUrl:
      'https://www.alibabacloud.com/help/en/legal/latest/alibaba-cloud-international-website-privacy-policy',
    statusUrl: 'https://status.alibabacloud.com',
    headquarters: 'CN',
  },
}
