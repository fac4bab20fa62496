import { expect, test } from 'vitest'
import { errorOfStatus } from '../../../src/providers/errors/upstream-errors.ts'

const refusalOf = (status: number, body: unknown) => {
  const { code, message, details } = errorOfStatus(
    'Acme',
    status,
    {},
    typeof body === 'string' ? body : JSON.stringify(body),
    0,
  )
  return { code, refusal: details.refusal, message }
}

test.each([
  [
    'Alibaba’s arrears',
    400,
    {
      error: {
        message: 'Access denied, please make sure your account is in good standing.',
        code: 'Arrearage',
      },
    },
    'no-credit',
  ],
  [
    'OpenAI’s hard limit',
    400,
    { error: { message: 'Billing hard limit has been reached', code: 'billing_hard_limit_reached' } },
    'no-credit',
  ],
  [
    'OpenAI’s used-up quota',
    429,
    { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } },
    'no-credit',
  ],
  [
    'Anthropic’s balance',
    400,
    {
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: 'Your credit balance is too low to access the Anthropic API.',
      },
    },
    'no-credit',
  ],
  ['DeepSeek’s balance', 400, { error: { message: 'Insufficient Balance' } }, 'no-credit'],
  [
    'xAI’s wrong key',
    400,
    { code: 'invalid argument', error: 'Incorrect API key provided: k***.' },
    'key-refused',
  ],
  [
    'Gemini’s wrong key',
    400,
    [
      {
        error: {
          code: 400,
          message: 'API key not valid.',
          status: 'INVALID_ARGUMENT',
          details: [{ reason: 'API_KEY_INVALID' }],
        },
      },
    ],
    'key-refused',
  ],
  [
    'Gemini’s location',
    400,
    { error: { message: 'User location is not supported for the API use.' } },
    'forbidden',
  ],
  [
    'Groq’s limit per minute',
    413,
    {
      error: {
        message: 'Request too large for model `m` in organization `o` on tokens per minute (TPM): Limit 8000',
        code: 'rate_limit_exceeded',
      },
    },
    'over-rate-limit',
  ],
  [
    'a limit with 400',
    400,
    { error: { message: 'Too many requests', type: 'rate_limit_error' } },
    'rate-limited',
  ],
  [
    'Groq’s decommissioned model',
    400,
    { error: { message: 'The model `m` has been decommissioned', code: 'model_decommissioned' } },
    'not-served',
  ],
  [
    'DeepSeek’s unknown model',
    400,
    { error: { message: 'Model Not Exist', code: 'invalid_request_error' } },
    'not-served',
  ],
  [
    'Groq’s malformed tool call',
    400,
    { error: { message: 'Failed to call a function.', code: 'tool_use_failed' } },
    'malformed-output',
  ],
] as const)('%s is recognised by its words', (_case, status, body, refusal) => {
  expect(refusalOf(status, body)).toMatchObject({ refusal })
})

test.each([
  ['a wrong parameter', 400, { error: { message: 'temperature must be at most 2', code: 'invalid_value' } }],
  [
    'a message about a model’s parameter',
    400,
    { error: { message: '`top_k` is not supported by this model' } },
  ],
  [
    'a rate limit that speaks of billing',
    429,
    { error: { message: 'Rate limit reached. Check your plan and billing details.' } },
  ],
] as const)('%s stays what its status says', (_case, status, body) => {
  expect(refusalOf(status, body).refusal).toBeUndefined()
})

test.each([
  ['a text', '"the model is busy"', 'the model is busy'],
  [
    'an HTML page',
    '<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>',
    '502 Bad Gateway nginx',
  ],
  ['a list of validation errors', '{"detail":[{"loc":["body"],"msg":"field required"}]}', 'field required'],
] as const)('the provider’s own words are taken from %s', (_shape, body, message) => {
  expect(refusalOf(422, body).message).toBe(message)
})

const openai = (message: string, more: object = {}) => ({
  error: { message, type: 'invalid_request_error', ...more },
})

test.each([
  ['Anthropic’s spend limit', openai('You have reached your specified API usage limits.'), 'no-credit'],
  ['Anthropic’s disabled organization', openai('This organization has been disabled.'), 'forbidden'],
  ['Volcengine’s overdue account', openai('x', { code: 'AccountOverdueError' }), 'no-credit'],
  ['new-api’s quota', openai('用户额度不足', { code: 'insufficient_user_quota' }), 'no-credit'],
  ['Z.AI’s balance as a number', { error: { code: 1113, message: 'x' } }, 'no-credit'],
  [
    'Amazon’s expired token',
    { message: 'The security token included in the request is expired' },
    'key-refused',
  ],
  ['Bedrock’s unknown model', { message: 'The provided model identifier is invalid.' }, 'not-served'],
  [
    'Bedrock’s model without on-demand throughput',
    { message: 'Invocation of model ID m with on-demand throughput isn’t supported.' },
    'not-served',
  ],
  ['Azure’s other model', { error: { code: 'OperationNotSupported', message: 'x' } }, 'not-served'],
  ['GitHub’s model', { error: { code: 'unavailable_model', message: 'Unavailable model: m' } }, 'not-served'],
])('%s with status 400 is about the account or the endpoint', (_case, body, refusal) => {
  expect(refusalOf(400, body)).toMatchObject({ refusal })
})

test.each([
  [
    'SGLang',
    400,
    {
      object: 'error',
      message: "The input (9 tokens) is longer than the model's context length (8 tokens).",
    },
  ],
  [
    'SGLang’s pool',
    400,
    { message: 'Input length (9 tokens) exceeds the maximum allowed length (8 tokens).' },
  ],
  ['vLLM', 400, openai("However, the model's context length is only 4096 tokens, resulting in")],
  ['LM Studio', 400, { error: 'the model is loaded with context length of only 4096 tokens' }],
  ['Ollama', 400, openai('the input length exceeds the context length')],
  ['GitHub Copilot', 400, openai('prompt token count of 9 exceeds the limit of 8')],
  [
    'Text Generation Inference',
    422,
    { error: 'Input validation error: `inputs` must have less than 4096 tokens. Given: 5000' },
  ],
  ['Z.AI', 400, { error: { code: '1261', message: 'Prompt exceeds max length' } }],
  ['Anthropic', 400, openai('input length and `max_tokens` exceed context limit: 9 + 2 > 10')],
  [
    'Anthropic’s size of a request',
    413,
    { error: { type: 'request_too_large', message: 'Request exceeds the maximum size' } },
  ],
  ['OpenAI', 400, openai('Input tokens exceed the configured limit of 272000 tokens.')],
])('a prompt that is too long for %s is that, and no fault of the request', (_case, status, body) => {
  expect(refusalOf(status, body).code).toBe('context-too-long')
})

test.each([
  ['MiniMax', { base_resp: { status_code: 1008, status_msg: 'the words' } }],
  ['Z.AI', { code: 500, msg: 'the words', success: false }],
  ['a gateway, as JSON in its own message', openai(JSON.stringify(openai('the words')))],
])('the message of %s reaches the caller', (_case, body) => {
  expect(refusalOf(500, body).message).toBe('the words')
})
