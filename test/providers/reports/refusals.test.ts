// Public reports of refusals that gateways took for something else, replayed: what is tried next, and what the caller is told.
import { describe, expect, test } from 'vitest'
import { startBrokerWithProviders } from '../../faults/broker-with-providers.ts'
import { answers } from '../../faults/scripts.ts'
import { json, type Step } from '../../support/scripted-upstream.ts'

interface Report {
  readonly script: Step[]
  /** What the first attempt is recorded with. */
  readonly code: string
  /** The second key may work. */
  readonly triesKey?: boolean
  readonly words?: string
}

const fireworks =
  'Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.'
const nested = `APIError: Fireworks_aiException - ${JSON.stringify({ error: { message: fireworks, code: 'PRECONDITION_FAILED' } })}`
const account = { code: 'upstream-denied', triesKey: true }
const refused = (status: number, error: unknown, headers = {}): Step[] => [json(status, { error }, headers)]

const REPORTS: Readonly<Record<string, Report>> = {
  'https://github.com/pollinations/pollinations/issues/12136 (412, suspended)': {
    ...account,
    script: refused(412, { message: fireworks, code: 'PRECONDITION_FAILED', type: 'error' }),
    words: 'is suspended',
  },
  'https://github.com/FerroxLabs/wayland/issues/545 (412, JSON in a message)': {
    ...account,
    script: refused(412, { message: nested, type: null, code: '412' }),
  },
  'https://github.com/theopenco/llmgateway/pull/3838 (400, spending limit)': {
    ...account,
    script: refused(400, { message: 'Your account has reached the monthly spending limit.' }),
  },
  'https://github.com/ai365vip/chat-api/issues/120 (400, quota)': {
    ...account,
    script: refused(400, {
      message: 'You exceeded your current quota, please check your plan and billing details.',
    }),
  },
  'https://github.com/ai365vip/chat-api/issues/120 (400, account not authorised)': {
    ...account,
    script: refused(400, { message: 'Your account is not authorized to invoke this API operation.' }),
  },
  'https://github.com/ai365vip/chat-api/issues/120 (400, operation not allowed)': {
    ...account,
    script: [json(400, { message: 'Operation not allowed' })],
  },
  'https://github.com/lingyuins/octopus/issues/92 (400, key)': {
    ...account,
    script: refused(400, { message: 'API key not valid. Please pass a valid API key.' }),
  },
  'https://github.com/Wei-Shaw/sub2api/pull/5943 (403, balance)': {
    ...account,
    script: refused(403, { code: 'INSUFFICIENT_BALANCE', message: 'Insufficient account balance' }),
  },
  'https://github.com/songquanpeng/one-api/issues/90 (400, the model is missing, in a sentence)': {
    code: 'upstream-failed',
    script: refused(400, {
      message: 'type invalid_request_error, code model_not_found, message The model: `gpt-4` does not exist',
      type: 'one_api_error',
    }),
  },
  'https://github.com/BerriAI/litellm/issues/9035 (200 with a 429 inside)': {
    code: 'upstream-busy',
    triesKey: true,
    script: [
      json(200, {
        error: {
          message: 'Rate limit exceeded: limit_rpd/google/gemini-2.0-flash',
          code: 429,
          metadata: { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '1741305600000' } },
        },
      }),
    ],
  },
  'https://github.com/anomalyco/opencode/issues/48647 (too many images)': {
    code: 'not-carried',
    script: refused(400, {
      message: 'request contains 52 images, exceeding the maximum of 50 allowed per request',
    }),
  },
  'https://github.com/the-open-agent/openagent/issues/874 (too many images)': {
    code: 'not-carried',
    script: refused(400, { message: 'Too many images in request. Max is 10.' }),
  },
  'https://docs.z.ai/api-reference/api-code (429, the account is locked)': {
    ...account,
    script: refused(429, {
      code: '1112',
      message: 'Your account has been locked, please contact customer service.',
    }),
  },
  'https://docs.sambanova.ai/docs/en/api-reference/using-the-api/api-error-codes (410, the model is gone)': {
    code: 'upstream-failed',
    script: refused(410, {
      message: 'The requested model is no longer available.',
      type: 'invalid_request_error',
    }),
  },
  'https://help.aliyun.com/en/model-studio/error-code-start (429, a quota of a minute)': {
    code: 'upstream-busy',
    triesKey: true,
    script: refused(429, {
      code: 'insufficient_quota',
      message: 'Allocated quota exceeded, please increase your quota limit.',
    }),
  },
  'https://docs.z.ai/api-reference/api-code (400, the API is offline)': {
    code: 'upstream-failed',
    script: refused(400, { code: '1221', message: 'API chat has been taken offline' }),
  },
  'https://developer.mittwald.de/docs/v2/platform/aihosting/api-endpoints/errors (too many images at vLLM)': {
    code: 'not-carried',
    script: [json(400, { object: 'error', message: 'At most 4 image(s) may be provided in one request.' })],
  },
  'https://github.com/songquanpeng/one-api/issues/1764 (400, the organisation is restricted)': {
    ...account,
    script: refused(400, {
      message:
        'Organization has been restricted. Please reach out to support if you believe this was in error.',
      type: 'invalid_request_error',
      code: 'organization_restricted',
    }),
  },
  'https://github.com/666ghj/BettaFish/issues/498 (400, balance)': {
    ...account,
    script: refused(400, {
      message: 'Your account balance is insufficient. Please recharge your account.',
      code: '',
    }),
  },
  'https://github.com/QuantumNous/new-api/issues/6929 (500, balance, in Chinese)': {
    ...account,
    script: refused(500, { message: '用户额度不足, 剩余额度: ＄-0.000002', type: 'new_api_error' }),
  },
  'https://github.com/BerriAI/litellm/issues/36729 (429, budget)': {
    ...account,
    script: refused(429, {
      message: 'Budget has been exceeded! Current cost: 10.51, Max budget: 10.00',
      type: 'budget_exceeded',
      code: '429',
    }),
  },
  'https://github.com/BerriAI/litellm/issues/20615 (400, budget)': {
    ...account,
    script: refused(400, {
      message: 'Budget has been exceeded! Current cost: 76.16, Max budget: 10.0',
      code: '400',
    }),
  },
  'https://github.com/diegosouzapw/OmniRoute/issues/8248 (400, degraded)': {
    code: 'upstream-failed',
    script: [
      json(400, {
        status: 400,
        title: 'Bad Request',
        detail: "Function id 'a1': DEGRADED function cannot be invoked",
      }),
    ],
  },
  'https://github.com/tinyhumansai/openhuman/issues/4181 (400, nothing is loaded)': {
    code: 'upstream-failed',
    script: refused(400, {
      message: 'No models loaded. Please load a model in the developer page or use the `lms load` command.',
      type: 'invalid_request_error',
      param: 'model',
    }),
  },
  'https://github.com/continuedev/continue/issues/10150 (400, it does not load)': {
    code: 'upstream-failed',
    script: refused(400, 'Failed to load model "gpt-oss-20b". Error: Error loading model.'),
  },
  'https://github.com/louisho5/picobot/issues/6 (tools)': {
    code: 'not-carried',
    script: refused(400, {
      message: 'registry.ollama.ai/library/gemma3:4b does not support tools',
      type: 'api_error',
      param: null,
      code: null,
    }),
  },
  'https://github.com/anomalyco/opencode/issues/47994 (images)': {
    code: 'not-carried',
    script: refused(400, {
      message: 'Model do not support image input. Request id: 0217',
      code: 'InvalidParameter',
    }),
  },
  'https://github.com/yilewang/llm-for-zotero/issues/143 (images)': {
    code: 'not-carried',
    script: refused(400, {
      message:
        'Failed to deserialize the JSON body into the target type: messages[13]: unknown variant image_url, expected text at line 1',
      type: 'invalid_request_error',
      code: 'invalid_request_error',
    }),
  },
  'https://github.com/gptme/gptme/issues/185 (an image that is too large)': {
    code: 'not-carried',
    script: refused(400, {
      type: 'invalid_request_error',
      message:
        'messages.58.content.2.image.source.base64: image exceeds 5 MB maximum: 6500712 bytes > 5242880 bytes',
    }),
  },
}

/** The pauses before retries are short here. */
const timerMs = (ms: number): number => (ms <= 5_000 ? Math.min(ms, 10) : ms)

describe.each(Object.entries(REPORTS))('%s', (_source, { script, code, triesKey = false, words }) => {
  test('goes to the next provider', async () => {
    await using broker = await startBrokerWithProviders(
      [{ script, keys: ['key-one', 'key-two'] }, { script: answers('from the spare') }],
      { timerMs },
    )
    expect(await broker.sendChat()).toMatchObject({ status: 200, text: 'from the spare' })
    const { attempts } = await broker.entry()
    for (const attempt of attempts) expect(attempt.code).toBe(code)
    expect(broker.seen()).toEqual([triesKey ? 2 : 1, 1])
    if (words === undefined) return
    await using alone = await startBrokerWithProviders([{ script }])
    expect((await alone.sendChat()).error?.message).toContain(words)
  })
})

test.each<[string, Step[]]>([
  [
    'https://docs.together.ai/docs/error-codes (403)',
    refused(403, {
      message:
        'Input token count + max_tokens parameter must be less than the context length of the model being queried.',
    }),
  ],
  [
    'https://platform.kimi.ai/docs/api/errors',
    refused(400, { type: 'invalid_request_error', message: 'Input token length too long' }),
  ],
  [
    'https://developer.mittwald.de/docs/v2/platform/aihosting/api-endpoints/errors',
    [json(400, { object: 'error', message: 'max_tokens must be at least 1, got -1208.' })],
  ],
])('%s is a prompt that is too long', async (_source, script) => {
  await using broker = await startBrokerWithProviders([
    { script, contextWindow: 8000 },
    { script: answers('from the spare'), contextWindow: 100_000 },
  ])
  expect(await broker.sendChat()).toMatchObject({ status: 200, text: 'from the spare' })
  expect((await broker.entry()).attempts).toMatchObject([{ code: 'context-too-long' }])
})

const inNinetySeconds = (): string => new Date(Date.now() + 90_000).toUTCString()
const RETRY_INFO = {
  error: {
    code: 429,
    message: 'Resource exhausted. Please try again later.',
    status: 'RESOURCE_EXHAUSTED',
    details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '41.5s' }],
  },
}

test.each<[string, () => Step[], number]>([
  [
    'https://github.com/duolahypercho/codex-router/pull/573 (a date)',
    () => refused(429, { message: 'slow' }, { 'retry-after': inNinetySeconds() }),
    90,
  ],
  [
    'https://github.com/google-gemini/gemini-cli/issues/6454 (an error in a list, with a RetryInfo)',
    () => [json(429, [RETRY_INFO])],
    42,
  ],
  [
    'https://github.com/google-gemini/gemini-cli/issues/14811 (an error as text in an error)',
    () => refused(429, { message: JSON.stringify(RETRY_INFO), code: 429, status: 'Too Many Requests' }),
    42,
  ],
])('%s states when to come back', async (_source, script, seconds) => {
  await using broker = await startBrokerWithProviders([{ script: () => script() }], { timerMs })
  const after = Number((await broker.sendChat()).headers['retry-after'])
  expect(after).toBeGreaterThan(seconds - 10)
  expect(after).toBeLessThanOrEqual(seconds + 1)
})
