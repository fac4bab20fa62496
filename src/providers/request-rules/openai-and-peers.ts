import type { MessageRules, RequestRules } from './request-rules.ts'

/** What every vendor behind OpenAI's protocol takes of an assistant's message. */
const COMMON_FIELDS = ['role', 'content', 'name', 'tool_calls', 'function_call']
const COMMON_CALL_FIELDS = ['id', 'type', 'function', 'custom']
const SAMPLING = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty']
const OF_REASONING_MODELS = [...SAMPLING, 'logprobs', 'top_logprobs', 'logit_bias']
/** OpenRouter's sampling fields that OpenAI does not have. */
export const OPENROUTER_SAMPLING = ['top_k', 'min_p', 'top_a', 'repetition_penalty']

/** Models that know no role `developer`, and whose endpoints take no fields but the common ones. */
export const PLAIN_MESSAGES: MessageRules = {
  roles: { developer: 'system' },
  assistantFields: COMMON_FIELDS,
  callFields: COMMON_CALL_FIELDS,
}

export const OPENAI_RULES: RequestRules = {
  sources: [
    ['https://platform.openai.com/docs/api-reference/chat/create', 'unread'],
    ['https://platform.openai.com/docs/guides/reasoning', 'unread'],
    ['https://platform.openai.com/docs/guides/latest-model', 'unread'],
    // “Unknown parameter: 'messages[1].tool_calls[0].index'.”
    ['https://github.com/songquanpeng/one-api/issues/1319', '2026-11'],
  ],
  refusedFields: OPENROUTER_SAMPLING,
  maxStops: 4,
  messages: {
    assistantFields: [...COMMON_FIELDS, 'refusal', 'audio'],
    callFields: COMMON_CALL_FIELDS,
  },
  models: [
    { pattern: /^gpt-5(\.\d+)?-chat/, efforts: [] },
    { pattern: /^gpt-5-pro/, efforts: ['high'], refusedFields: [...OF_REASONING_MODELS, 'stop'] },
    {
      pattern: /^gpt-5(-mini|-nano|-codex|-\d{4}|$)/,
      efforts: ['minimal', 'low', 'medium', 'high'],
      refusedFields: [...OF_REASONING_MODELS, 'stop'],
    },
    {
      pattern: /^gpt-5\.1(?!-codex-max)/,
      efforts: ['none', 'low', 'medium', 'high'],
      refusedWithReasoning: OF_REASONING_MODELS,
    },
    {
      pattern: /^gpt-5\.|^gpt-[6-9]/,
      efforts: ['none', 'low', 'medium', 'high', 'xhigh'],
      refusedWithReasoning: OF_REASONING_MODELS,
    },
    {
      pattern: /^o\d/,
      efforts: ['low', 'medium', 'high'],
      refusedFields: [...OF_REASONING_MODELS, 'stop', 'parallel_tool_calls'],
    },
    // “Model incompatible request argument supplied: temperature”
    {
      pattern: /-search-(preview|api)/,
      efforts: [],
      refusedFields: [...OF_REASONING_MODELS, 'n', 'seed', 'stop'],
    },
    { pattern: /^(gpt-4|gpt-3|chatgpt)/, efforts: [] },
  ],
}

export const GROQ_RULES: RequestRules = {
  sources: [
    ['https://console.groq.com/docs/openai', '2026-12'],
    ['https://console.groq.com/docs/reasoning', 'unread'],
    ['https://console.groq.com/docs/api-reference', 'unread'],
    // “property 'reasoning_content' is unsupported”
    ['https://github.com/tashfeenahmed/freellmapi/issues/1070', '2026-11'],
    ['https://github.com/earendil-works/pi/issues/1745', '2026-11'],
  ],
  refusedFields: ['logprobs', 'logit_bias', 'top_logprobs', ...OPENROUTER_SAMPLING],
  maxStops: 4,
  efforts: [],
  messages: {
    ...PLAIN_MESSAGES,
    thoughts: 'reasoning',
    // “The following fields … will result in a 400 error … messages[].name”
    refusedFields: ['name'],
    // “'messages.0.content' must be a string”
    textRoles: ['system', 'assistant', 'tool'],
  },
  models: [
    { pattern: /qwen/, efforts: ['none', 'default'] },
    { pattern: /gpt-oss/, efforts: ['low', 'medium', 'high'] },
  ],
}

export const ALIBABA_RULES: RequestRules = {
  sources: [
    ['https://www.alibabacloud.com/help/en/model-studio/qwen-api-reference', 'unread'],
    ['https://www.alibabacloud.com/help/en/model-studio/deep-thinking', 'unread'],
    // “developer is not one of ['system', 'assistant', 'user', 'tool', 'function']”
    ['https://github.com/proma-ai/Proma/issues/1496', '2026-11'],
    // “The tool_choice parameter does not support being set to required or object in thinking mode”
    ['https://github.com/cloudwego/eino/issues/994', '2026-12'],
    // “parameter.enable_thinking must be set to false for non-streaming calls”
    ['https://help.aliyun.com/en/model-studio/error-code', '2026-12'],
  ],
  efforts: [],
  reasoningSwitch: 'enable_thinking',
  refusesForcedCalls: 'with-reasoning',
  messages: {
    roles: { developer: 'system' },
    assistantFields: [...COMMON_FIELDS, 'partial'],
    callFields: COMMON_CALL_FIELDS,
    thoughts: 'reasoning_content',
    emptyContent: '',
  },
  // The open models of its third generation, which have their size in their names.
  models: [{ pattern: /^qwen3-(\d+(\.\d+)?b|\d+b-a\d+b)$/, reasonsInStreamsOnly: true }],
}

export const SAMBANOVA_RULES: RequestRules = {
  sources: [['https://docs.sambanova.ai/docs/en/api-reference/endpoints/chat', 'unread']],
  refusedFields: ['logit_bias', 'min_p', 'top_a', 'repetition_penalty'],
  efforts: [],
  messages: PLAIN_MESSAGES,
  models: [{ pattern: /gpt-oss/, efforts: ['low', 'medium', 'high'] }],
}

/** Azure's deployments run OpenAI's models under names of the customer. */
export const AZURE_RULES: RequestRules = {
  ...OPENAI_RULES,
  sources: [
    ['https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/reasoning', 'unread'],
    ['https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference-preview-latest', 'unread'],
  ],
}
