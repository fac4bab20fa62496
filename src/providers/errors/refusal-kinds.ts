import type { ErrorCode } from '../../base/errors.ts'

/**
 * What a refusal is about, where its status does not say it: providers report trouble with the account, the key, a rate limit
 * or the model with 400, 403 and 413 as well.
 */
export type RefusalReason =
  | 'no-credit'
  | 'key-refused'
  | 'forbidden'
  | 'rate-limited'
  /** A single request is larger than the account's limit per minute: other requests are not affected. */
  | 'over-rate-limit'
  | 'not-served'
  /** The model produced a malformed tool call or malformed JSON; another attempt may succeed. */
  | 'malformed-output'
  /** Opaque thinking in the history that it did not make, or cannot verify: without it the request may be served. */
  | 'foreign-thinking'

export interface Refusal {
  readonly code: ErrorCode
  /** Absent where the code says it all. */
  readonly reason?: RefusalReason
}

/** How providers report one kind of refusal. They share no status or code for any. The sources are in `docs/providers.md`. */
interface RefusalKind extends Refusal {
  /** Values of `error.code` or `error.type`. */
  readonly names: readonly string[]
  /** Matches the error's message. */
  readonly pattern: RegExp
  /** The names mean something else beside such a message. */
  readonly unless?: RegExp
}

const REFUSAL_KINDS: readonly RefusalKind[] = [
  {
    code: 'context-too-long',
    names: [
      'context_length_exceeded', // OpenAI, Groq, OpenRouter
      'exceed_context_size_error', // llama.cpp
      'model_context_window_exceeded',
      'max_tokens_exceeded', // OpenRouter
      'token_limit_exceeded',
      'tokens_limit_reached', // GitHub Models, with 413
      'model_max_prompt_tokens_exceeded', // GitHub Copilot
      'request_too_large', // Anthropic, with 413, of bytes: https://docs.claude.com/en/api/errors, read 2026-12
      '1261', // Z.AI
    ],
    pattern: new RegExp(
      [
        'maximum context length', // OpenAI, OpenRouter, vLLM, DeepSeek, Mistral
        'prompt (is )?too long', // Anthropic
        'prompt exceeds max(imum)? length', // Z.AI
        'exceed context limit', // Anthropic, of the prompt and max_tokens together
        'input is too long', // Bedrock
        'exceeds? the (maximum number of tokens|available context size|context window)', // Gemini, llama.cpp
        'maximum prompt length is', // xAI
        'context window exceeds', // MiniMax
        'reduce the length of the (messages|input|prompt)', // Groq, SambaNova
        'range of input length should be', // Alibaba
        'too many tokens: total number of tokens', // Cohere
        // https://platform.kimi.ai/docs/api/errors, read 2026-12
        'exceeded model token limit', // Moonshot
        'input token length too long', // Moonshot
        // With 403: https://docs.together.ai/docs/error-codes, read 2026-12
        'input token count \\+ max_tokens parameter must be less', // Together
        // vLLM, when nothing is left for the response: https://developer.mittwald.de/docs/v2/platform/aihosting/api-endpoints/errors, read 2026-12
        'max_tokens must be at least \\d+, got -?\\d+',
        'exceeded this model context window', // Cloudflare, with 413
        'inputs` tokens \\+ `max_new_tokens` must be', // Together, with 422
        'allowed tokens per submitted batch', // Voyage
        // SGLang, vLLM: https://github.com/BerriAI/litellm/issues/10793, https://github.com/NVIDIA-NeMo/Switchyard/pull/426
        "is longer than the (model's context length|maximum model length)",
        'exceeds? the (maximum allowed (input )?length|context length|limit of \\d+$)', // SGLang, Ollama, GitHub Copilot
        "model's context length is only", // vLLM
        // LM Studio: https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/237
        'loaded with context length of only',
        'greater than the context length',
        'inputs` must have less than \\d+ tokens', // Text Generation Inference
        'exceed(s|ed)? (the )?(configured limit of \\d+ tokens|max message tokens)', // OpenAI, Volcengine
      ].join('|'),
      'i',
    ),
  },
  // What this endpoint has no room for, another one of the same model may have.
  {
    code: 'not-carried',
    names: ['image_too_large', 'too_many_images'],
    pattern: new RegExp(
      [
        'at most \\d+ (image|video|audio)(\\(s\\)|s)? may be provided', // vLLM: https://developer.mittwald.de/docs/v2/platform/aihosting/api-endpoints/errors, read 2026-12
        'too many images', // https://github.com/the-open-agent/openagent/issues/874 (2026-12)
        'exceed(s|ing) the maximum (number )?of \\d+ (images )?(allowed )?per request', // https://github.com/anomalyco/opencode/issues/48647
        'unknown variant `?image_url', // DeepSeek: https://github.com/yilewang/llm-for-zotero/issues/143 (2026-12)
        // Ollama, Volcengine, Groq: https://github.com/louisho5/picobot/issues/6, https://github.com/anomalyco/opencode/issues/47994
        '(does|do) not support (tools|tool calling|function calling|image inputs?|images|vision|audio)\\b',
        '(tool calling|image input)`? is not supported with this model',
        'image_url is only supported by certain models', // OpenAI
        'is not a multimodal model', // vLLM
        'image exceeds [\\d.]+ ?[KM]B maximum', // Anthropic: https://github.com/gptme/gptme/issues/185
      ].join('|'),
      'i',
    ),
  },
  {
    code: 'content-refused',
    names: [
      'content_policy_violation', // OpenAI, OpenRouter
      'content_filter', // Azure
      'data_inspection_failed', // Alibaba
      'DataInspectionFailed',
      'PROHIBITED_CONTENT', // Gemini
      'moderation_blocked',
      'base_resp 1026', // MiniMax, of the prompt
      'base_resp 1027', // MiniMax, of the response
      '1301', // Z.AI
    ],
    pattern: new RegExp(
      [
        'flagged (as|by|for)', // OpenRouter’s moderation, OpenAI
        'requires moderation', // OpenRouter
        'content (management|filtering) policy', // Azure, Anthropic
        'violates? (our |the )?(usage|safety) (guidelines|policy|policies)', // xAI, OpenAI
        'inappropriate content', // Alibaba
        'considered high risk', // Moonshot: https://platform.kimi.ai/docs/api/errors, read 2026-12
      ].join('|'),
      'i',
    ),
  },
  // The next four are about our account or key. Seen in the vendors' documentation and in users' reports, 2025 and 2026.
  {
    code: 'upstream-denied',
    reason: 'no-credit',
    names: [
      'insufficient_quota', // OpenAI, with 429: https://platform.openai.com/docs/guides/error-codes
      'billing_hard_limit_reached', // OpenAI, with 400
      'billing_not_active', // OpenAI, with 429
      'Arrearage', // Alibaba, with 400: https://www.alibabacloud.com/help/en/model-studio/error-code
      'exceeded_current_quota_error', // Moonshot, with 429
      'insufficient_balance', // MiniMax, DeepSeek
      'billing_error', // Anthropic
      'INSUFFICIENT_CREDITS',
      'insufficient_balance_error', // MiniMax: https://github.com/modelscope/modelscope/issues/1691
      'insufficient_user_quota', // new-api
      'budget_exceeded', // LiteLLM, with 400 or 429: https://github.com/BerriAI/litellm/issues/36729 (2026-12)
      'AccountOverdueError', // Volcengine
      'base_resp 1008', // MiniMax: https://platform.minimax.io/docs/api-reference/errorcode, read 2026-12
      '1113', // Z.AI, with 429: https://docs.z.ai/api-reference/api-code, read 2026-12
    ],
    pattern: new RegExp(
      [
        'credit balance is too low', // Anthropic, with 400
        // SiliconFlow, AiHubMix: https://github.com/666ghj/BettaFish/issues/498 (2026-12)
        '(balance|credits?|quota) (is|are|has been) (insufficient|exhausted|depleted|used up)',
        '(额度|余额)(不足|已用尽)', // new-api: https://github.com/QuantumNous/new-api/issues/6929 (2026-12)
        'budget has been exceeded|exceededbudget', // LiteLLM: https://github.com/BerriAI/litellm/issues/20615 (2026-12)
        'quota (exhausted|limit reached)|reached your (monthly|daily) (quota|usage) limit',
        '(add|update) (a|your) payment method',
        // https://github.com/theopenco/llmgateway/pull/3838, https://github.com/ai365vip/chat-api/issues/120 (2026-12)
        '(monthly|daily|account) (spending|spend|usage|credit) limit', // Fireworks
        'exceeded your current quota', // OpenAI, Moonshot, with 400 behind gateways
        // Anthropic, with 400, when the limit that the account's owner has set is reached: https://github.com/laravel/ai/pull/864
        'reached your specified (api|workspace api) usage limits',
        'account has an overdue balance', // Volcengine
        'enable billing on (your |the )?project', // Gemini, with 400
        'billing hard limit', // OpenAI
        'account (\\S+ )?is (not active|in arrears|suspended|overdue)', // OpenAI, Alibaba, Moonshot, Fireworks (with 412)
        'account is in good standing', // Alibaba
        'insufficient (account )?(balance|credits?|funds)', // DeepSeek, OpenRouter, Together
        'not enough (balance|credits?)', // xAI, Novita
        '(used all|run out of|out of) (available |your |its )?(credits|quota for the month)', // xAI, Hugging Face
        'exceeded your monthly included credits', // Hugging Face
      ].join('|'),
      'i',
    ),
    // Alibaba's `insufficient_quota` is of a minute: https://help.aliyun.com/en/model-studio/error-code-start, read 2026-12
    unless: /allocated quota exceeded|current requests list|requests rate limit/i,
  },
  {
    code: 'upstream-denied',
    reason: 'key-refused',
    names: [
      'invalid_api_key', // OpenAI, Groq
      'API_KEY_INVALID', // Gemini, with 400: https://ai.google.dev/gemini-api/docs/troubleshooting
      'API_KEY_EXPIRED',
      'InvalidApiKey', // Alibaba
      'invalid_authentication_error', // Moonshot
      'ExpiredTokenException', // Amazon
      'base_resp 1004', // MiniMax
    ],
    pattern: new RegExp(
      [
        '(incorrect|invalid|wrong|expired|revoked) (api|access)[ -]?key', // OpenAI, xAI (with 400), Mistral
        'api[ -]?key (is |was |has been )?(not valid|invalid|incorrect|expired|revoked|disabled)', // Gemini
        "(didn't|did not) provide an api key", // OpenAI
        'invalid proxy server token', // LiteLLM
        '无效的令牌', // new-api
        'security token included in the request is (expired|invalid)', // Amazon
      ].join('|'),
      'i',
    ),
  },
  {
    code: 'upstream-denied',
    reason: 'forbidden',
    names: [
      'unsupported_country_region_territory', // OpenAI
      'AccessDenied.Unpurchased', // Alibaba
      'organization_restricted', // Groq, with 400: https://github.com/songquanpeng/one-api/issues/1764 (2026-12)
      'model_terms_required', // Groq, with 400
      'Model.AccessDenied', // Alibaba
      // Z.AI, with 429: the account is inactive, locked, or may not use the API.
      '1110',
      '1112',
      '1121',
      '1220',
    ],
    pattern: new RegExp(
      [
        'user location is not supported', // Gemini, with 400
        '(organization|workspace|account|project) has been (disabled|restricted|suspended|deactivated)', // Anthropic, Groq, with 400
        'please upgrade (to|your) ',
        // Bedrock, with 400: https://github.com/ai365vip/chat-api/issues/120 (2026-12)
        '^operation not allowed',
        'account is not authorized',
        'is not allowed for this account', // Bedrock, with 400: https://github.com/theopenco/llmgateway/pull/4012
        'organization must be verified', // OpenAI, with 400
        'country, region, or territory not supported', // OpenAI
      ].join('|'),
      'i',
    ),
  },
  {
    code: 'upstream-busy',
    reason: 'over-rate-limit',
    names: [],
    // Groq, with 413: the request alone is over the limit of a minute.
    pattern: /request too large for model .* on (tokens|requests) per (minute|day)/i,
  },
  {
    code: 'upstream-busy',
    reason: 'rate-limited',
    names: [
      'rate_limit_exceeded',
      'rate_limit_error', // Anthropic
      'RESOURCE_EXHAUSTED', // Gemini
      'Throttling', // Alibaba
      'Throttling.RateQuota',
      'Throttling.AllocationQuota',
      'Throttling.BurstRate',
      'too_many_requests',
      'ThrottlingException', // Amazon
      'RATE_LIMIT_EXCEEDED', // Google, with 403
      'rateLimitExceeded',
      'base_resp 1002', // MiniMax
      'base_resp 1039', // MiniMax, of tokens
      '1302', // Z.AI, of concurrency
      '1305', // Z.AI
    ],
    pattern:
      /\brate limit(ed)? (exceeded|reached)|exceeded [^.]{0,30}\brate limit|too many requests|concurrency limit|(tokens|requests) per (minute|day|second)|too many tokens, please wait/i,
  },
  {
    code: 'upstream-failed',
    reason: 'not-served',
    names: [
      'model_not_found', // OpenAI, Groq
      'model_decommissioned', // Groq, with 400: https://console.groq.com/docs/deprecations
      'ModelNotFound', // Alibaba
      'model_not_available', // Together, with 400
      'model_not_supported', // Hugging Face, with 400
      'DeploymentNotFound', // Azure
      'unknown_model', // GitHub Models, with 400
      'unavailable_model', // GitHub Models, with 400
      'OperationNotSupported', // Azure, with 400
      '1211', // Z.AI, with 400
      '1221', // Z.AI: taken offline
      '1222', // Z.AI
    ],
    pattern: new RegExp(
      [
        'model[^.]{0,80} (does not exist|has been (decommissioned|deprecated|retired|removed)|is no longer (supported|available|served))',
        'model not exist', // DeepSeek, with 400
        // NVIDIA, with 400, of a function that is out of order: https://github.com/diegosouzapw/OmniRoute/issues/8248 (2026-12)
        '^function (id )?.{0,80}\\bdegraded\\b',
        // LM Studio, with 400: https://github.com/tinyhumansai/openhuman/issues/4181, https://github.com/continuedev/continue/issues/10150 (2026-12)
        'no models? (is |are )?loaded|model (is )?(not loaded|unloaded)|failed to load model',
        'model is (not deployed|currently cold)',
        'model[^.]{0,80} (is|was) not (found|available|supported)( |$|\\.|,)', // Gemini, Hugging Face
        '(not a valid|unknown|unsupported|unavailable|invalid) model( id| name)?\\b', // OpenRouter, GitHub Models, Mistral
        // Bedrock, with 400: https://github.com/gethouston/houston/pull/1381
        'model identifier is invalid',
        'on-demand throughput isn.t supported',
        'reached the end of its life',
        "does not support the '?/v1/[a-z/]+'? api", // https://github.com/mnfst/llm-gateway/issues/2657
        'does not work with the specified model', // Azure
      ].join('|'),
      'i',
    ),
  },
  {
    code: 'upstream-failed',
    reason: 'malformed-output',
    names: [
      'tool_use_failed', // Groq, with 400: https://console.groq.com/docs/tool-use
      'json_validate_failed', // Groq, with 400
      'output_parse_failed', // Groq
    ],
    pattern: /failed to (call a function|generate json|validate json|parse tool call)/i,
  },
  {
    code: 'upstream-failed',
    reason: 'foreign-thinking',
    names: ['invalid_encrypted_content'], // OpenAI, with 400
    pattern: new RegExp(
      [
        'invalid `?signature`? in `?thinking`?', // Anthropic, with 400
        'thought[ _]?signature[^.]{0,40} (is )?(invalid|not valid|corrupted)', // Gemini, with 400
        '(invalid|corrupted) thought[ _]?signature',
        'encrypted content[^.]{0,60} could not be (verified|decrypted)', // OpenAI
      ].join('|'),
      'i',
    ),
  },
]

/** Statuses whose own meaning is exact: only their names may say more, and only that the account is in trouble. */
const EXACT_STATUSES: ReadonlySet<number> = new Set([429])
const OF_ACCOUNT: ReadonlySet<RefusalReason | undefined> = new Set<RefusalReason>(['no-credit', 'forbidden'])

/**
 * What a refusal is about, by the names and the message of the error; `undefined` when they match no known kind. For a 429
 * only the names count, since messages about rate limits speak of quotas and billing as well.
 */
export function refusalOf(
  status: number | undefined,
  names: readonly unknown[],
  message: string | undefined,
): Refusal | undefined {
  const isExact = status !== undefined && EXACT_STATUSES.has(status)
  return REFUSAL_KINDS.find(
    ({ reason, names: known, pattern, unless }) =>
      (!isExact || OF_ACCOUNT.has(reason)) &&
      unless?.test(message ?? '') !== true &&
      (names.some((name) => isName(name) && known.includes(String(name))) ||
        (!isExact && message !== undefined && pattern.test(message))),
  )
}

/** Some vendors have numbers for names. */
function isName(name: unknown): name is string | number {
  return typeof name === 'string' || typeof name === 'number'
}
