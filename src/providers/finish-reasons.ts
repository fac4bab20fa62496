/** The reasons that OpenAI's and OpenRouter's clients know. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error'

/**
 * Names that providers have for the reasons, in lower case. Any other one (`eos`, `end_turn`, `complete`) is a `stop`.
 *
 * An `error` means that the response was cut short by the provider: what it has sent is not a whole response.
 */
const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map(
  Object.entries<FinishReason>({
    stop: 'stop',
    length: 'length',
    max_tokens: 'length', // Anthropic, Gemini, Cohere
    max_output_tokens: 'length', // OpenAI's Responses
    max_length: 'length',
    model_length: 'length', // Mistral
    model_context_window_exceeded: 'length', // Anthropic; Z.AI
    tool_calls: 'tool_calls',
    tool_call: 'tool_calls', // Cohere
    tool_use: 'tool_calls', // Anthropic
    function_call: 'tool_calls', // OpenAI, before tools
    content_filter: 'content_filter',
    content_filtered: 'content_filter', // Bedrock
    guardrail_intervened: 'content_filter', // Bedrock
    refusal: 'content_filter', // Anthropic
    sensitive: 'content_filter', // Z.AI
    error_toxic: 'content_filter', // Cohere
    // Gemini; read 2026-12:
    // https://docs.cloud.google.com/python/docs/reference/agentplatform/latest/vertexai.generative_models.FinishReason
    model_armor: 'content_filter',
    safety: 'content_filter',
    recitation: 'content_filter',
    blocklist: 'content_filter',
    prohibited_content: 'content_filter',
    spii: 'content_filter',
    image_safety: 'content_filter',
    image_prohibited_content: 'content_filter',
    malformed_function_call: 'error',
    unexpected_tool_call: 'error',
    error: 'error',
    insufficient_system_resource: 'error', // DeepSeek
    network_error: 'error', // Z.AI: https://github.com/theopenco/llmgateway/pull/1588
    // vLLM, when the engine is stopped; MiniMax, Novita: https://github.com/vllm-project/vllm/issues/57082
    abort: 'error',
    aborted: 'error',
    cancelled: 'error',
    canceled: 'error',
  }),
)

/**
 * The finish reason under the name that clients know. Names may be in any case, and have the name of an enum before them; what is no
 * text is a `stop`.
 */
export function finishReasonOf(native: unknown): FinishReason {
  if (typeof native !== 'string') return 'stop'
  return FINISH_REASONS.get(native) ?? FINISH_REASONS.get(plainName(native)) ?? 'stop'
}

/** `FinishReason.MAX_TOKENS` is how Python prints a member of an enum. */
function plainName(native: string): string {
  return native.slice(native.lastIndexOf('.') + 1).toLowerCase()
}

/** Texts that stand for no reason. */
const NO_REASONS: ReadonlySet<string> = new Set(['', 'null', 'none'])

/** Whether a finish reason states an end. Some providers send an empty one, or null as a text, with every chunk. */
export function isFinishReason(reason: unknown): reason is string {
  return typeof reason === 'string' && !NO_REASONS.has(reason.trim().toLowerCase())
}
