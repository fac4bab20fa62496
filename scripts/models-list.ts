/**
 * The models of `modelsconfig.yml`, with their names and providers. Prices are not here: `update-models-config.ts` looks
 * them up. A backend is `provider model_id`; the first backend of a model is tried first.
 */
export interface ListedModel {
  readonly name: string
  readonly title: string
  readonly tier?: 'premium' | 'standard' | 'economy'
  readonly kind?: 'embedding' | 'speech' | 'transcription'
  /** Capabilities, separated by spaces. */
  readonly capabilities?: string
  /** Context window in tokens, when the price source has none. */
  readonly contextWindow?: number
  /** Maximum number of output tokens, when the model's author publishes it. */
  readonly maxOutputTokens?: number
  readonly at: readonly (string | ListedBackend)[]
}

export interface ListedBackend {
  readonly at: string
  /** The provider and model whose row of the price source to use when the backend has no row of its own. */
  readonly priceOf?: string
  /** A price from another source, as fields of the file. */
  readonly price?: Readonly<Record<string, unknown>>
  /** Left out when the price source has no row of exactly this provider and model. */
  readonly onlyWithOwnPrice?: boolean
}

const TOOLS = 'tool_calling'
/**
 * Continues an assistant message that is sent as a prefix, at the providers that document it: Groq with all its text models
 * (https://console.groq.com/docs/prefilling), Alibaba with the models on its list while they don't reason
 * (https://www.alibabacloud.com/help/en/model-studio/partial-mode). Models that may reason are left out.
 */
const CONTINUES_PREFIX = 'tool_calling assistant_prefix'
const VISION = 'tool_calling vision'
const REASONING = 'tool_calling reasoning'
const ALL = 'tool_calling vision reasoning'

/** By the author in OpenRouter's slugs: the maker's own provider, and its name for a model. */
const MAKERS: Readonly<Record<string, (slug: string) => string>> = {
  anthropic: (slug) => `anthropic ${slug.replaceAll('.', '-')}`,
  google: (slug) => `gemini ${slug}`,
  'x-ai': (slug) => `xai ${slug}`,
  deepseek: (slug) => `deepseek ${slug}`,
  mistralai: (slug) => `mistral ${slug}`,
  moonshotai: (slug) => `moonshot ${slug}`,
}

function atMaker(openRouterId: string): readonly ListedBackend[] {
  const [author = '', slug = ''] = openRouterId.split('/')
  const maker = MAKERS[author]
  return maker === undefined ? [] : [{ at: maker(slug), onlyWithOwnPrice: true }]
}

/** Offered by OpenRouter, and before it by the model's maker where the price source has the maker's price. */
const openRouter = (
  name: string,
  title: string,
  slug: string,
  tier: 'premium' | 'standard' | 'economy',
  capabilities: string,
  rest: Partial<ListedModel> = {},
): ListedModel => ({
  name,
  title,
  tier,
  capabilities,
  ...rest,
  at: [...atMaker(slug), ...(rest.at ?? [`openrouter ${slug}`])],
})

/** Offered by OpenAI itself and by OpenRouter under the same name. */
const openAi = (
  name: string,
  title: string,
  tier: 'premium' | 'standard' | 'economy',
  capabilities: string,
  rest: Partial<ListedModel> = {},
): ListedModel => ({
  name,
  title,
  tier,
  capabilities,
  at: [`openai ${name}`, `openrouter openai/${name}`],
  ...rest,
})

/** OpenAI serves these on its Responses API alone, so chat completions go through OpenRouter. */
const responsesOnly = (
  name: string,
  title: string,
  tier: 'premium' | 'standard',
  capabilities: string,
  rest: Partial<ListedModel> = {},
) => openRouter(name, title, `openai/${name}`, tier, capabilities, rest)

const OPENAI: readonly ListedModel[] = [
  openAi('gpt-6-astra', 'GPT-6 Astra', 'premium', ALL, {
    at: ['openai gpt-6-astra', { at: 'openrouter openai/gpt-6-astra', priceOf: 'openai gpt-6-astra' }],
  }),
  openAi('gpt-6-sol', 'GPT-6 Sol', 'premium', ALL),
  openAi('gpt-6-luna', 'GPT-6 Luna', 'economy', ALL),
  openAi('gpt-5.6-sol', 'GPT-5.6 Sol', 'premium', ALL),
  openAi('gpt-5.6-terra', 'GPT-5.6 Terra', 'standard', ALL),
  openAi('gpt-5.6-luna', 'GPT-5.6 Luna', 'economy', ALL),
  openAi('gpt-5.5', 'GPT-5.5', 'premium', ALL),
  responsesOnly('gpt-5.5-pro', 'GPT-5.5 Pro', 'premium', ALL),
  openAi('gpt-5.4', 'GPT-5.4', 'premium', ALL),
  openAi('gpt-5.4-mini', 'GPT-5.4 mini', 'standard', ALL),
  openAi('gpt-5.4-nano', 'GPT-5.4 nano', 'economy', ALL),
  responsesOnly('gpt-5.4-pro', 'GPT-5.4 Pro', 'premium', ALL),
  responsesOnly('gpt-5.3-codex', 'GPT-5.3 Codex', 'premium', ALL),
  openAi('gpt-5.2', 'GPT-5.2', 'premium', ALL, { maxOutputTokens: 128_000 }),
  responsesOnly('gpt-5.2-pro', 'GPT-5.2 Pro', 'premium', ALL, { maxOutputTokens: 128_000 }),
  openAi('gpt-5.1', 'GPT-5.1', 'premium', ALL, { maxOutputTokens: 128_000 }),
  responsesOnly('gpt-5.1-codex-mini', 'GPT-5.1 Codex mini', 'standard', ALL, { maxOutputTokens: 128_000 }),
  openAi('gpt-5', 'GPT-5', 'premium', ALL, { maxOutputTokens: 128_000 }),
  openAi('gpt-5-mini', 'GPT-5 mini', 'standard', ALL, { maxOutputTokens: 128_000 }),
  openAi('gpt-5-nano', 'GPT-5 nano', 'economy', ALL, { maxOutputTokens: 128_000 }),
  responsesOnly('gpt-5-pro', 'GPT-5 Pro', 'premium', ALL, { maxOutputTokens: 272_000 }),
  openAi('gpt-4.1', 'GPT-4.1', 'standard', VISION, { maxOutputTokens: 32_768 }),
  openAi('gpt-4.1-mini', 'GPT-4.1 mini', 'standard', VISION, { maxOutputTokens: 32_768 }),
  openAi('gpt-4.1-nano', 'GPT-4.1 nano', 'economy', VISION, { maxOutputTokens: 32_768 }),
  openAi('gpt-4o', 'GPT-4o', 'premium', VISION, { maxOutputTokens: 16_384 }),
  openAi('gpt-4o-mini', 'GPT-4o mini', 'economy', VISION, { maxOutputTokens: 16_384 }),
  openAi('o3', 'o3', 'premium', ALL, { maxOutputTokens: 100_000 }),
  responsesOnly('o3-pro', 'o3 Pro', 'premium', ALL, { maxOutputTokens: 100_000 }),
  openAi('o4-mini', 'o4-mini', 'standard', ALL, { maxOutputTokens: 100_000 }),
  openAi('o3-mini', 'o3-mini', 'standard', REASONING, { maxOutputTokens: 100_000 }),
  openAi('gpt-4-turbo', 'GPT-4 Turbo', 'standard', VISION, { maxOutputTokens: 4096 }),
  openAi('gpt-3.5-turbo', 'GPT-3.5 Turbo', 'economy', TOOLS, { maxOutputTokens: 4096 }),
  openAi('gpt-audio', 'GPT Audio', 'standard', 'tool_calling audio_input audio_output', {
    maxOutputTokens: 16_384,
  }),
  openAi('gpt-audio-mini', 'GPT Audio mini', 'economy', 'tool_calling audio_input audio_output', {
    maxOutputTokens: 16_384,
  }),
]

const ANTHROPIC: readonly ListedModel[] = [
  openRouter('claude-fable-5.1', 'Claude Fable 5.1', 'anthropic/claude-fable-5.1', 'premium', ALL),
  openRouter('claude-fable-5', 'Claude Fable 5', 'anthropic/claude-fable-5', 'premium', ALL),
  openRouter('claude-opus-5.5', 'Claude Opus 5.5', 'anthropic/claude-opus-5.5', 'premium', ALL),
  openRouter('claude-opus-5', 'Claude Opus 5', 'anthropic/claude-opus-5', 'premium', ALL),
  openRouter('claude-opus-4.8', 'Claude Opus 4.8', 'anthropic/claude-opus-4.8', 'premium', ALL),
  openRouter('claude-opus-4.7', 'Claude Opus 4.7', 'anthropic/claude-opus-4.7', 'premium', ALL),
  openRouter('claude-opus-4.6', 'Claude Opus 4.6', 'anthropic/claude-opus-4.6', 'premium', ALL),
  openRouter('claude-opus-4.5', 'Claude Opus 4.5', 'anthropic/claude-opus-4.5', 'premium', ALL, {
    maxOutputTokens: 64_000,
  }),
  openRouter('claude-sonnet-5', 'Claude Sonnet 5', 'anthropic/claude-sonnet-5', 'premium', ALL),
  openRouter('claude-sonnet-4.6', 'Claude Sonnet 4.6', 'anthropic/claude-sonnet-4.6', 'premium', ALL),
  openRouter('claude-sonnet-4.5', 'Claude Sonnet 4.5', 'anthropic/claude-sonnet-4.5', 'premium', ALL, {
    maxOutputTokens: 64_000,
  }),
  openRouter('claude-sonnet-4', 'Claude Sonnet 4', 'anthropic/claude-sonnet-4', 'standard', ALL, {
    maxOutputTokens: 64_000,
  }),
  openRouter('claude-haiku-4.5', 'Claude Haiku 4.5', 'anthropic/claude-haiku-4.5', 'standard', ALL, {
    maxOutputTokens: 64_000,
  }),
  openRouter('claude-3-haiku', 'Claude 3 Haiku', 'anthropic/claude-3-haiku', 'economy', VISION, {
    maxOutputTokens: 4096,
  }),
]

const GOOGLE: readonly ListedModel[] = [
  openRouter('gemini-3.5-flash', 'Gemini 3.5 Flash', 'google/gemini-3.5-flash', 'standard', ALL),
  openRouter('gemini-3.1-pro', 'Gemini 3.1 Pro', 'google/gemini-3.1-pro-preview', 'premium', ALL, {
    maxOutputTokens: 65_536,
  }),
  openRouter(
    'gemini-3.1-flash-lite',
    'Gemini 3.1 Flash Lite',
    'google/gemini-3.1-flash-lite',
    'economy',
    ALL,
    {
      maxOutputTokens: 65_536,
    },
  ),
  openRouter('gemini-3-flash', 'Gemini 3 Flash', 'google/gemini-3-flash-preview', 'standard', ALL, {
    maxOutputTokens: 65_536,
  }),
  openRouter('gemini-2.5-pro', 'Gemini 2.5 Pro', 'google/gemini-2.5-pro', 'premium', ALL, {
    maxOutputTokens: 65_536,
  }),
  openRouter('gemini-2.5-flash', 'Gemini 2.5 Flash', 'google/gemini-2.5-flash', 'standard', ALL, {
    maxOutputTokens: 65_536,
  }),
  openRouter(
    'gemini-2.5-flash-lite',
    'Gemini 2.5 Flash Lite',
    'google/gemini-2.5-flash-lite',
    'economy',
    ALL,
    {
      maxOutputTokens: 65_536,
    },
  ),
  openRouter('gemma-4-31b', 'Gemma 4 31B', 'google/gemma-4-31b-it', 'economy', VISION),
  openRouter('gemma-3-27b', 'Gemma 3 27B', 'google/gemma-3-27b-it', 'economy', 'vision', {
    contextWindow: 131_072,
  }),
]

const XAI: readonly ListedModel[] = [
  openRouter('grok-4.6', 'Grok 4.6', 'x-ai/grok-4.6', 'premium', ALL, {
    at: [{ at: 'openrouter x-ai/grok-4.6', priceOf: 'x-ai grok-4.6' }],
  }),
  openRouter('grok-4.5', 'Grok 4.5', 'x-ai/grok-4.5', 'premium', ALL, {
    at: [{ at: 'openrouter x-ai/grok-4.5', priceOf: 'x-ai grok-4.5' }],
  }),
  openRouter('grok-4.3', 'Grok 4.3', 'x-ai/grok-4.3', 'premium', ALL),
  openRouter('grok-4.20', 'Grok 4.20', 'x-ai/grok-4.20', 'premium', ALL),
  openRouter('grok-4-fast', 'Grok 4 Fast', 'x-ai/grok-4-fast', 'economy', ALL),
  openRouter('grok-code-fast-1', 'Grok Code Fast 1', 'x-ai/grok-code-fast-1', 'economy', REASONING),
  openRouter('grok-build-0.1', 'Grok Build 0.1', 'x-ai/grok-build-0.1', 'standard', REASONING),
]

const OPEN_WEIGHTS: readonly ListedModel[] = [
  {
    name: 'gpt-oss-120b',
    title: 'gpt-oss 120B',
    tier: 'standard',
    capabilities: REASONING,
    contextWindow: 131_072,
    at: [
      'groq openai/gpt-oss-120b',
      { at: 'sambanova gpt-oss-120b', priceOf: 'huggingface_sambanova openai/gpt-oss-120b' },
      'openrouter openai/gpt-oss-120b',
    ],
  },
  {
    name: 'gpt-oss-20b',
    title: 'gpt-oss 20B',
    tier: 'economy',
    capabilities: REASONING,
    contextWindow: 131_072,
    at: ['groq openai/gpt-oss-20b', 'openrouter openai/gpt-oss-20b'],
  },
  {
    name: 'llama-3.3-70b',
    title: 'Llama 3.3 70B Instruct',
    tier: 'standard',
    capabilities: CONTINUES_PREFIX,
    contextWindow: 131_072,
    at: [
      'groq llama-3.3-70b-versatile',
      {
        at: 'sambanova Meta-Llama-3.3-70B-Instruct',
        priceOf: 'huggingface_sambanova meta-llama/Llama-3.3-70B-Instruct',
      },
      'openrouter meta-llama/llama-3.3-70b-instruct',
    ],
  },
  {
    name: 'llama-3.1-8b',
    title: 'Llama 3.1 8B Instruct',
    tier: 'economy',
    capabilities: CONTINUES_PREFIX,
    at: [
      'groq llama-3.1-8b-instant',
      {
        at: 'sambanova Meta-Llama-3.1-8B-Instruct',
        priceOf: 'huggingface_sambanova meta-llama/Llama-3.1-8B-Instruct',
      },
      'openrouter meta-llama/llama-3.1-8b-instruct',
    ],
  },
  {
    name: 'llama-4-maverick',
    title: 'Llama 4 Maverick',
    tier: 'standard',
    capabilities: VISION,
    at: [
      {
        at: 'sambanova Llama-4-Maverick-17B-128E-Instruct',
        price: {
          input_cost: 0.63,
          output_cost: 1.8,
          price_source: "Lava's list of SambaNova's prices, lava.so/docs/gateway/providers/sambanova",
          price_date: '2026-11-21',
        },
      },
      'openrouter meta-llama/llama-4-maverick',
    ],
  },
  {
    name: 'llama-4-scout',
    title: 'Llama 4 Scout',
    tier: 'economy',
    capabilities: VISION,
    at: ['groq meta-llama/llama-4-scout-17b-16e-instruct', 'openrouter meta-llama/llama-4-scout'],
  },
  openRouter(
    'llama-3.1-70b',
    'Llama 3.1 70B Instruct',
    'meta-llama/llama-3.1-70b-instruct',
    'economy',
    TOOLS,
  ),
  openRouter('deepseek-v4-pro', 'DeepSeek V4 Pro', 'deepseek/deepseek-v4-pro', 'premium', REASONING),
  openRouter('deepseek-v4-flash', 'DeepSeek V4 Flash', 'deepseek/deepseek-v4-flash', 'economy', REASONING),
  openRouter('deepseek-v3.2', 'DeepSeek V3.2', 'deepseek/deepseek-v3.2', 'standard', REASONING),
  {
    name: 'deepseek-v3.1',
    title: 'DeepSeek V3.1',
    tier: 'standard',
    capabilities: REASONING,
    at: [
      'openrouter deepseek/deepseek-chat-v3.1',
      {
        at: 'sambanova DeepSeek-V3.1',
        price: {
          input_cost: 3,
          output_cost: 4.5,
          price_source: "Lava's list of SambaNova's prices, lava.so/docs/gateway/providers/sambanova",
          price_date: '2026-11-21',
        },
      },
    ],
  },
  {
    name: 'deepseek-r1',
    title: 'DeepSeek R1 0528',
    tier: 'standard',
    capabilities: 'reasoning',
    at: [
      'openrouter deepseek/deepseek-r1-0528',
      {
        at: 'sambanova DeepSeek-R1-0528',
        priceOf: 'huggingface_sambanova deepseek-ai/DeepSeek-R1-0528',
      },
    ],
  },
  openRouter('kimi-k3', 'Kimi K3', 'moonshotai/kimi-k3', 'premium', ALL),
  openRouter('kimi-k2.7-code', 'Kimi K2.7 Code', 'moonshotai/kimi-k2.7-code', 'standard', REASONING),
  openRouter('kimi-k2.6', 'Kimi K2.6', 'moonshotai/kimi-k2.6', 'standard', ALL),
  openRouter('kimi-k2.5', 'Kimi K2.5', 'moonshotai/kimi-k2.5', 'standard', ALL),
  openRouter('kimi-k2-thinking', 'Kimi K2 Thinking', 'moonshotai/kimi-k2-thinking', 'standard', REASONING),
  openRouter('glm-5.3', 'GLM 5.3', 'z-ai/glm-5.3', 'premium', REASONING),
  openRouter('glm-5.3-flash', 'GLM 5.3 Flash', 'z-ai/glm-5.3-flash', 'economy', REASONING, {
    at: [
      {
        at: 'openrouter z-ai/glm-5.3-flash',
        price: {
          input_cost: 0.15,
          output_cost: 0.5,
          cached_input_cost: 0.03,
          price_source: '@pydantic/genai-prices 0.1.8, openrouter z-ai/glm-5.3-flash',
          price_date: '2026-09-23',
          price_note: 'the list price; the source still has half of it, a promotion that ended on 2026-09-09',
        },
      },
    ],
  }),
  openRouter('glm-5.2', 'GLM 5.2', 'z-ai/glm-5.2', 'standard', REASONING),
  openRouter('glm-4.7', 'GLM 4.7', 'z-ai/glm-4.7', 'standard', REASONING),
  openRouter('minimax-m3', 'MiniMax M3', 'minimax/minimax-m3', 'standard', REASONING),
  openRouter('minimax-m2.7', 'MiniMax M2.7', 'minimax/minimax-m2.7', 'standard', REASONING),
  openRouter(
    'nemotron-3-ultra',
    'Nemotron 3 Ultra',
    'nvidia/nemotron-3-ultra-550b-a55b',
    'standard',
    REASONING,
  ),
  openRouter(
    'nemotron-3-super',
    'Nemotron 3 Super',
    'nvidia/nemotron-3-super-120b-a12b',
    'economy',
    REASONING,
  ),
  openRouter('mimo-v2.5-pro', 'MiMo V2.5 Pro', 'xiaomi/mimo-v2.5-pro', 'standard', REASONING),
  openRouter('step-3.7-flash', 'Step 3.7 Flash', 'stepfun/step-3.7-flash', 'economy', REASONING),
  openRouter('phi-4', 'Phi 4', 'microsoft/phi-4', 'economy', '', { maxOutputTokens: 16_384 }),
]

const QWEN: readonly ListedModel[] = [
  openRouter('qwen3.8-max', 'Qwen3.8 Max', 'qwen/qwen3.8-max', 'premium', REASONING, {
    at: ['alibaba qwen3.8-max', 'openrouter qwen/qwen3.8-max'],
  }),
  openRouter('qwen3.7-max', 'Qwen3.7 Max', 'qwen/qwen3.7-max', 'premium', REASONING, {
    at: ['alibaba qwen3.7-max', 'openrouter qwen/qwen3.7-max'],
  }),
  openRouter('qwen3.7-plus', 'Qwen3.7 Plus', 'qwen/qwen3.7-plus', 'standard', ALL, {
    at: [
      {
        at: 'alibaba qwen3.7-plus',
        price: {
          input_cost: 0.4,
          output_cost: 1.6,
          tiers: [{ above_input_tokens: 128_000, input_cost: 1.2, output_cost: 4.8 }],
          price_source: "LiteLLM's price feed of 2026-08-19, second hand",
          price_date: '2026-08-19',
        },
      },
      'openrouter qwen/qwen3.7-plus',
    ],
  }),
  openRouter('qwen3.6-flash', 'Qwen3.6 Flash', 'qwen/qwen3.6-flash', 'economy', REASONING, {
    at: ['alibaba qwen3.6-flash', 'openrouter qwen/qwen3.6-flash'],
  }),
  openRouter('qwen3-max', 'Qwen3 Max', 'qwen/qwen3-max', 'premium', CONTINUES_PREFIX, {
    at: [
      {
        at: 'alibaba qwen3-max',
        price: {
          input_cost: 1.2,
          output_cost: 6,
          tiers: [
            { above_input_tokens: 32_000, input_cost: 2.4, output_cost: 12 },
            { above_input_tokens: 128_000, input_cost: 3, output_cost: 15 },
          ],
          price_source: "LiteLLM's price feed of 2026-08-19, second hand",
          price_date: '2026-08-19',
        },
      },
      'openrouter qwen/qwen3-max',
    ],
  }),
  openRouter('qwen3-coder-plus', 'Qwen3 Coder Plus', 'qwen/qwen3-coder-plus', 'standard', CONTINUES_PREFIX, {
    at: ['alibaba qwen3-coder-plus', 'openrouter qwen/qwen3-coder-plus'],
  }),
  openRouter('qwen-plus', 'Qwen Plus', 'qwen/qwen-plus', 'standard', CONTINUES_PREFIX, {
    at: ['alibaba qwen-plus', 'openrouter qwen/qwen-plus'],
  }),
  openRouter('qwen3.5-397b', 'Qwen3.5 397B A17B', 'qwen/qwen3.5-397b-a17b', 'standard', ALL),
  openRouter('qwen3-235b', 'Qwen3 235B A22B 2507', 'qwen/qwen3-235b-a22b-2507', 'economy', TOOLS),
  openRouter('qwen3-coder-next', 'Qwen3 Coder Next', 'qwen/qwen3-coder-next', 'economy', TOOLS),
  {
    name: 'qwen3-32b',
    title: 'Qwen3 32B',
    tier: 'economy',
    capabilities: REASONING,
    at: [
      'groq qwen/qwen3-32b',
      { at: 'sambanova Qwen3-32B', priceOf: 'huggingface_sambanova Qwen/Qwen3-32B' },
      'openrouter qwen/qwen3-32b',
    ],
  },
]

const OTHERS: readonly ListedModel[] = [
  openRouter('mistral-large', 'Mistral Large 3', 'mistralai/mistral-large-2512', 'premium', VISION),
  openRouter('mistral-medium-3.5', 'Mistral Medium 3.5', 'mistralai/mistral-medium-3-5', 'standard', VISION),
  openRouter('mistral-small', 'Mistral Small 4', 'mistralai/mistral-small-2603', 'economy', VISION),
  openRouter('devstral', 'Devstral 2', 'mistralai/devstral-2512', 'standard', TOOLS),
  openRouter('codestral', 'Codestral 2508', 'mistralai/codestral-2508', 'standard', TOOLS),
  openRouter('ministral-14b', 'Ministral 3 14B', 'mistralai/ministral-14b-2512', 'economy', VISION),
  openRouter('ministral-8b', 'Ministral 3 8B', 'mistralai/ministral-8b-2512', 'economy', VISION),
  openRouter('nova-premier', 'Amazon Nova Premier', 'amazon/nova-premier-v1', 'standard', VISION),
  openRouter('nova-2-lite', 'Amazon Nova 2 Lite', 'amazon/nova-2-lite-v1', 'economy', VISION),
  openRouter('command-a', 'Cohere Command A', 'cohere/command-a', 'standard', TOOLS),
  openRouter('mercury-2', 'Mercury 2', 'inception/mercury-2', 'economy', TOOLS),
  openRouter('sonar', 'Perplexity Sonar', 'perplexity/sonar', 'standard', 'vision web_search'),
  openRouter('sonar-pro', 'Perplexity Sonar Pro', 'perplexity/sonar-pro', 'standard', 'vision web_search'),
]

const EMBEDDINGS: readonly ListedModel[] = [
  {
    name: 'text-embedding-3-small',
    title: 'Text Embedding 3 Small',
    kind: 'embedding',
    tier: 'economy',
    at: ['openai text-embedding-3-small', 'openrouter openai/text-embedding-3-small'],
  },
  {
    name: 'text-embedding-3-large',
    title: 'Text Embedding 3 Large',
    kind: 'embedding',
    tier: 'premium',
    at: ['openai text-embedding-3-large', 'openrouter openai/text-embedding-3-large'],
  },
  {
    name: 'text-embedding-ada-002',
    title: 'Text Embedding Ada 002',
    kind: 'embedding',
    at: ['openai text-embedding-ada-002'],
  },
  {
    name: 'text-embedding-v4',
    title: 'Qwen Text Embedding v4',
    kind: 'embedding',
    at: ['alibaba text-embedding-v4'],
  },
  { name: 'voyage-3.5', title: 'Voyage 3.5', kind: 'embedding', at: ['voyage voyage-3.5'] },
  {
    name: 'voyage-3-large',
    title: 'Voyage 3 Large',
    kind: 'embedding',
    tier: 'premium',
    at: ['voyage voyage-3-large'],
  },
]

const SPEECH: readonly ListedModel[] = [
  {
    name: 'tts-1',
    title: 'TTS-1',
    kind: 'speech',
    tier: 'standard',
    at: [
      {
        at: 'openai tts-1',
        price: {
          character_cost: 15,
          price_source: 'llmreference.com/model/tts-1/openai-api',
          price_date: '2026-06-07',
        },
      },
    ],
  },
  {
    name: 'tts-1-hd',
    title: 'TTS-1 HD',
    kind: 'speech',
    tier: 'premium',
    at: [
      {
        at: 'openai tts-1-hd',
        price: {
          character_cost: 30,
          price_source: 'learn.engineering.vips.edu/ai-models/openai-tts-hd',
          price_date: '2026-04-20',
          price_note: 'theneuralbase.com (2026-04) says 15, the price of tts-1',
        },
      },
    ],
  },
  {
    name: 'gpt-4o-mini-tts',
    title: 'GPT-4o mini TTS',
    kind: 'speech',
    tier: 'standard',
    at: ['openai gpt-4o-mini-tts'],
  },
]

const groqWhisper = 'groq whisper-large-v3'
const TRANSCRIPTION: readonly ListedModel[] = [
  {
    name: 'whisper-1',
    title: 'Whisper',
    kind: 'transcription',
    tier: 'standard',
    capabilities: 'verbose_json translation',
    at: [groqWhisper, 'sambanova Whisper-Large-v3', 'openai whisper-1'],
  },
  {
    name: 'whisper-large-v3',
    title: 'Whisper Large v3',
    kind: 'transcription',
    tier: 'standard',
    capabilities: 'verbose_json translation',
    at: [groqWhisper, 'sambanova Whisper-Large-v3'],
  },
  {
    name: 'whisper-large-v3-turbo',
    title: 'Whisper Large v3 Turbo',
    kind: 'transcription',
    tier: 'economy',
    capabilities: 'verbose_json',
    at: ['groq whisper-large-v3-turbo'],
  },
  {
    name: 'gpt-transcribe',
    title: 'GPT Transcribe',
    kind: 'transcription',
    tier: 'standard',
    capabilities: 'streaming',
    at: ['openai gpt-transcribe'],
  },
  {
    name: 'gpt-4o-transcribe',
    title: 'GPT-4o Transcribe',
    kind: 'transcription',
    tier: 'premium',
    capabilities: 'streaming',
    at: ['openai gpt-4o-transcribe'],
  },
  {
    name: 'gpt-4o-mini-transcribe',
    title: 'GPT-4o mini Transcribe',
    kind: 'transcription',
    tier: 'standard',
    capabilities: 'streaming',
    at: ['openai gpt-4o-mini-transcribe'],
  },
]

/** Sections of the file, in its order. */
export const MODELS: readonly (readonly [title: string, models: readonly ListedModel[]])[] = [
  ['OpenAI', OPENAI],
  ['Anthropic', ANTHROPIC],
  ['Google', GOOGLE],
  ['xAI', XAI],
  ['Open weights', OPEN_WEIGHTS],
  ['Qwen', QWEN],
  ['Other makers', OTHERS],
  ['Embeddings', EMBEDDINGS],
  ['Text to speech', SPEECH],
  ['Speech to text', TRANSCRIPTION],
]
