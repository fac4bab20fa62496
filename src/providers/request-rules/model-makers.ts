import { OPENROUTER_SAMPLING, PLAIN_MESSAGES } from './openai-and-peers.ts'
import type { RequestRules } from './request-rules.ts'

const FIXED_SAMPLING = ['temperature', 'top_p', 'n', 'presence_penalty', 'frequency_penalty']

export const ANTHROPIC_RULES: RequestRules = {
  // Its endpoint for OpenAI's clients ignores what it does not know, and joins system messages to one.
  sources: [['https://docs.claude.com/en/api/openai-sdk', 'unread']],
  refusedFields: OPENROUTER_SAMPLING,
  efforts: [],
  messages: PLAIN_MESSAGES,
}

const TAKEN_BY_VERTEX: ReadonlySet<string> = new Set(['frequency_penalty', 'presence_penalty', 'seed'])

export const GEMINI_RULES: RequestRules = {
  sources: [
    ['https://ai.google.dev/gemini-api/docs/openai', '2026-12'],
    ['https://ai.google.dev/gemini-api/docs/thought-signatures', 'unread'],
    // “Unknown name "frequency_penalty": Cannot find field.”, and the same of `seed` and `top_k`
    ['https://github.com/Vali-98/ChatterUI/issues/227', '2026-11'],
    ['https://github.com/MinLL/SkyrimNet-GamePlugin/issues/77', '2026-11'],
    // “Unknown name "type" …: Proto field is not repeating, cannot start list.”
    ['https://github.com/WordPress/ai-provider-for-google/issues/33', '2026-12'],
  ],
  refusedFields: [
    'frequency_penalty',
    'presence_penalty',
    'seed',
    'logit_bias',
    'logprobs',
    'top_logprobs',
    'store',
    'user',
    'prediction',
    'verbosity',
    'prompt_cache_key',
    'safety_identifier',
    'web_search_options',
    ...OPENROUTER_SAMPLING,
  ],
  maxStops: 5,
  efforts: ['minimal', 'low', 'medium', 'high'],
  messages: {
    ...PLAIN_MESSAGES,
    // A thought signature is in `extra_content` of a call, and must come back.
    assistantFields: ['role', 'content', 'tool_calls', 'extra_content'],
    callFields: ['id', 'type', 'function', 'extra_content'],
    // “function_response.name: Name cannot be empty.”
    needsToolName: true,
  },
  schemas: {
    refusedKeywords: ['$schema', '$id', '$comment', 'const', 'patternProperties', 'unevaluatedProperties'],
    refusesStrict: true,
    refusesTypeLists: true,
  },
  models: [
    // “Gemini's reasoning_effort doesn't support minimal”: https://github.com/versun/RSSBox/issues/132
    { pattern: /gemini-2\.5-pro/, efforts: ['low', 'medium', 'high'] },
    { pattern: /gemini-2\.5/, efforts: ['none', 'low', 'medium', 'high'] },
    { pattern: /gemini-(2\.0|1)|gemma/, efforts: [] },
    { pattern: /gemini-3(\.\d+)?-pro/, efforts: ['low', 'high'] },
  ],
}

/** The same models behind another endpoint, which takes more of the fields. */
export const VERTEX_RULES: RequestRules = {
  ...GEMINI_RULES,
  sources: [
    [
      'https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/call-vertex-using-openai-library',
      '2026-12',
    ],
  ],
  refusedFields: GEMINI_RULES.refusedFields?.filter((name) => !TAKEN_BY_VERTEX.has(name)),
}

export const XAI_RULES: RequestRules = {
  sources: [
    ['https://docs.x.ai/docs/guides/reasoning', 'unread'],
    ['https://docs.x.ai/docs/models', 'unread'],
    // Which models take which words.
    ['https://github.com/vercel/ai/releases/tag/@ai-sdk%2Fxai@4.0.8', '2026-11'],
    ['https://github.com/anomalyco/opencode/issues/39448', '2026-11'],
  ],
  refusedFields: ['logit_bias', ...OPENROUTER_SAMPLING],
  efforts: [],
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning_content' },
  models: [
    {
      pattern: /grok-3-mini/,
      efforts: ['low', 'high'],
      refusedFields: ['presence_penalty', 'frequency_penalty', 'stop'],
    },
    { pattern: /grok-(2|3)|non-reasoning/, efforts: [] },
    {
      pattern: /grok-4\.3/,
      efforts: ['none', 'low', 'medium', 'high'],
      refusedWithReasoning: ['presence_penalty', 'frequency_penalty', 'stop'],
      reasonsByDefault: true,
    },
    {
      pattern: /grok-(4\.[5-9]|[5-9])/,
      efforts: ['low', 'medium', 'high'],
      refusedFields: ['presence_penalty', 'frequency_penalty', 'stop'],
    },
    // grok-4, its fast and its code models reason as they like, and refuse the word for it.
    { pattern: /grok/, efforts: [], refusedFields: ['presence_penalty', 'frequency_penalty', 'stop'] },
  ],
}

export const DEEPSEEK_RULES: RequestRules = {
  sources: [
    ['https://api-docs.deepseek.com/guides/thinking_mode', 'unread'],
    ['https://api-docs.deepseek.com/api/create-chat-completion', 'unread'],
    // “The reasoning_content in the thinking mode must be passed back to the API.”
    ['https://github.com/earendil-works/pi/issues/3636', '2026-11'],
    // The same of messages without calls.
    ['https://github.com/openclaw/openclaw/issues/73417', '2026-12'],
    // “Thinking mode does not support this tool_choice”, which it takes without
    ['https://github.com/deepseek-ai/DeepSeek-V3/issues/1376', '2026-12'],
    ['https://github.com/can1357/oh-my-pi/issues/7315', '2026-12'],
  ],
  refusedFields: OPENROUTER_SAMPLING,
  refusedWithReasoning: ['logprobs', 'top_logprobs'],
  refusesForcedCalls: 'with-reasoning',
  reasonsByDefault: true,
  maxStops: 16,
  efforts: ['high', 'max'],
  reasoningSwitch: 'thinking',
  messages: {
    ...PLAIN_MESSAGES,
    assistantFields: ['role', 'content', 'name', 'tool_calls', 'prefix'],
    thoughts: 'reasoning_content',
    needsThoughts: 'of-all',
    // “messages[0]: invalid type: sequence, expected a string”
    textRoles: ['system', 'user', 'assistant', 'tool'],
  },
  schemas: {
    // “This response_format type is unavailable now”, and “Prompt must contain the word 'json'” for json_object:
    // https://github.com/llm-exe/llm-exe/issues/662, https://github.com/browserbase/stagehand/issues/1204
    refusesSchemaFormat: true,
  },
}

export const MISTRAL_RULES: RequestRules = {
  sources: [
    ['https://docs.mistral.ai/api/endpoint/chat', 'unread'],
    ['https://docs.mistral.ai/capabilities/reasoning', 'unread'],
    // `extra_forbidden` for `reasoning_content`, and for `max_completion_tokens`
    ['https://github.com/charmbracelet/crush/issues/1590', '2026-11'],
    ['https://github.com/editor-code-assistant/eca/issues/231', '2026-11'],
    // “Unexpected role 'user' after role 'tool'”
    ['https://github.com/avante-corp/avante.nvim/pull/2695', '2026-11'],
    // “Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9.”
    [
      'https://github.com/mistralai/mistral-common/blob/main/src/mistral_common/protocol/instruct/validator.py',
      '2026-11',
    ],
  ],
  refusedFields: [
    'logprobs',
    'top_logprobs',
    'logit_bias',
    'user',
    'store',
    'verbosity',
    'web_search_options',
    'prompt_cache_key',
    'safety_identifier',
    ...OPENROUTER_SAMPLING,
  ],
  renamedFields: { seed: 'random_seed', max_completion_tokens: 'max_tokens' },
  efforts: [],
  messages: {
    roles: { developer: 'system' },
    assistantFields: ['role', 'content', 'tool_calls', 'prefix'],
    callFields: ['id', 'type', 'function'],
    refusedFields: ['name'],
    order: 'assistant-after-tool',
    callIdLength: 9,
  },
  models: [{ pattern: /mistral-(small|medium|vibe)|magistral/, efforts: ['none', 'high'] }],
}

export const MOONSHOT_RULES: RequestRules = {
  sources: [
    ['https://platform.moonshot.ai/docs/api/chat', 'unread'],
    ['https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model', 'unread'],
    ['https://platform.moonshot.ai/docs/guide/use-kimi-vision-model', 'unread'],
    // “The message at position 307 with role 'assistant' must not be empty”
    ['https://github.com/MoonshotAI/kimi-code/issues/1985', '2026-12'],
    // “tool_choice 'required' is incompatible with thinking enabled”
    ['https://github.com/AstrBotDevs/AstrBot/issues/7805', '2026-12'],
  ],
  refusesForcedCalls: 'with-reasoning',
  refusedFields: ['logit_bias', 'logprobs', 'top_logprobs', ...OPENROUTER_SAMPLING],
  maxStops: 5,
  efforts: [],
  reasoningSwitch: 'thinking',
  messages: {
    ...PLAIN_MESSAGES,
    assistantFields: ['role', 'content', 'name', 'tool_calls', 'partial'],
    thoughts: 'reasoning_content',
    needsThoughts: 'of-calls',
    inlineImagesOnly: true,
    refusesEmpty: true,
  },
  // Their sampling is fixed: “invalid temperature: only 1 is allowed for this model”.
  models: [{ pattern: /kimi-k(2\.[5-9]|[3-9])/, refusedFields: FIXED_SAMPLING }],
}

export const ZHIPU_RULES: RequestRules = {
  sources: [
    ['https://docs.z.ai/api-reference/llm/chat-completion', 'unread'],
    ['https://docs.z.ai/guides/capabilities/thinking-mode', 'unread'],
  ],
  refusedFields: ['logit_bias', 'logprobs', 'top_logprobs', 'n', ...OPENROUTER_SAMPLING],
  maxStops: 1,
  efforts: [],
  reasoningSwitch: 'thinking',
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning_content' },
}

export const MINIMAX_RULES: RequestRules = {
  sources: [
    ['https://platform.minimax.io/docs/api-reference/text-openai-api', '2026-12'],
    // “Mismatch type []*open_platform_oai.ReasoningDetail”
    ['https://github.com/iOfficeAI/gemini-cli-pro/pull/33', '2026-11'],
  ],
  refusedFields: ['logit_bias', 'logprobs', 'top_logprobs', 'n', ...OPENROUTER_SAMPLING],
  efforts: [],
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning_content' },
}

export const COHERE_RULES: RequestRules = {
  sources: [
    ['https://docs.cohere.com/docs/compatibility-api', '2026-12'],
    // “only one of ‘presence_penalty’ and ‘frequency_penalty’ can be specified”, “system turn must be the first in the list”, “message must not be empty in a turn”
    ['https://docs.cohere.com/errors-reference', '2026-12'],
  ],
  exclusiveFields: [['frequency_penalty', 'presence_penalty']],
  refusedFields: [
    'logit_bias',
    'top_logprobs',
    'n',
    'user',
    'store',
    'parallel_tool_calls',
    ...OPENROUTER_SAMPLING,
  ],
  maxStops: 5,
  efforts: ['none', 'high'],
  messages: { ...PLAIN_MESSAGES, systemFirst: true, refusesEmpty: true },
}

/** Of its chat completions, which it has ended: for proxies that still speak them. */
export const PERPLEXITY_RULES: RequestRules = {
  sources: [
    ['https://docs.perplexity.ai/api-reference/chat-completions-post', 'unread'],
    // “After the (optional) system message(s), user and assistant roles should be alternating.”
    ['https://docs.perplexity.ai/guides/chat-completions-guide', 'unread'],
  ],
  refusedFields: [
    'logit_bias',
    'logprobs',
    'top_logprobs',
    'n',
    'seed',
    'min_p',
    'top_a',
    'repetition_penalty',
  ],
  efforts: [],
  messages: { ...PLAIN_MESSAGES, assistantFields: ['role', 'content', 'tool_calls'], order: 'alternating' },
  models: [{ pattern: /deep-research|reasoning/, efforts: ['minimal', 'low', 'medium', 'high'] }],
}
