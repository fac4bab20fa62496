import { OPENROUTER_SAMPLING, PLAIN_MESSAGES } from './openai-and-peers.ts'
import type { ModelRules, RequestRules } from './request-rules.ts'

const GPT_OSS: ModelRules = { pattern: /gpt-oss/, efforts: ['low', 'medium', 'high'] }

export const CEREBRAS_RULES: RequestRules = {
  sources: [
    ['https://inference-docs.cerebras.ai/resources/openai', 'unread'],
    ['https://inference-docs.cerebras.ai/capabilities/reasoning', 'unread'],
    // “property 'messages.2.assistant.reasoning_content' is unsupported”, while `reasoning` is taken
    ['https://github.com/QwenLM/qwen-code/issues/11045', '2026-11'],
    ['https://github.com/proxysoul/Empryo/pull/209', '2026-11'],
  ],
  refusedFields: ['frequency_penalty', 'presence_penalty', 'logit_bias', 'n', ...OPENROUTER_SAMPLING],
  maxStops: 4,
  efforts: [],
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning' },
  schemas: {
    // “Unsupported JSON schema fields: {'minItems', 'items'}”: https://github.com/musistudio/claude-code-router/issues/708
    refusedKeywords: ['minItems', 'maxItems', 'pattern', 'format', 'minLength', 'maxLength'],
  },
  models: [GPT_OSS, { pattern: /glm/, efforts: ['none', 'default'] }],
}

export const FIREWORKS_RULES: RequestRules = {
  sources: [
    ['https://docs.fireworks.ai/api-reference/post-chatcompletions', 'unread'],
    ['https://docs.fireworks.ai/guides/reasoning', '2026-12'],
  ],
  refusedFields: ['top_a'],
  maxStops: 4,
  efforts: ['none', 'low', 'medium', 'high'],
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning_content' },
  models: [GPT_OSS],
}

export const TOGETHER_RULES: RequestRules = {
  sources: [
    ['https://docs.together.ai/reference/chat-completions-1', 'unread'],
    ['https://docs.together.ai/docs/reasoning-overview', 'unread'],
  ],
  refusedFields: ['top_a'],
  efforts: [],
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning' },
  models: [GPT_OSS],
}

/** Hosts of open models behind vLLM or SGLang, which ignore fields that they do not know; chat templates refuse unknown roles. */
export const OPEN_MODEL_HOST_RULES: RequestRules = {
  sources: [
    ['https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html', 'unread'],
    ['https://docs.vllm.ai/en/latest/features/reasoning_outputs.html', 'unread'],
    // “System message must be at the beginning.”
    ['https://github.com/vllm-project/vllm/issues/41114', '2026-12'],
  ],
  messages: { ...PLAIN_MESSAGES, thoughts: 'reasoning_content', systemFirst: true },
  models: [GPT_OSS],
}

export const NVIDIA_RULES: RequestRules = {
  ...OPEN_MODEL_HOST_RULES,
  sources: [
    ...OPEN_MODEL_HOST_RULES.sources,
    // “This model only supports single tool-calls at once!”
    ['https://github.com/openclaw/openclaw/pull/37516', '2026-12'],
    // “Empty content is not allowed for assistant messages”
    ['https://github.com/CherryHQ/cherry-studio/issues/16155', '2026-12'],
    ['https://github.com/ogx-ai/ogx/issues/1751', '2026-12'],
  ],
  refusedFields: ['parallel_tool_calls', ...OPENROUTER_SAMPLING],
  messages: { ...OPEN_MODEL_HOST_RULES.messages, emptyContent: null },
}

export const GITHUB_MODELS_RULES: RequestRules = {
  sources: [['https://docs.github.com/en/rest/models/inference', 'unread']],
  refusedFields: ['logit_bias', 'logprobs', 'top_logprobs', ...OPENROUTER_SAMPLING],
  efforts: [],
  messages: PLAIN_MESSAGES,
}
