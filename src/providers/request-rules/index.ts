import {
  CEREBRAS_RULES,
  FIREWORKS_RULES,
  GITHUB_MODELS_RULES,
  NVIDIA_RULES,
  OPEN_MODEL_HOST_RULES,
  TOGETHER_RULES,
} from './hosts.ts'
import {
  ANTHROPIC_RULES,
  COHERE_RULES,
  DEEPSEEK_RULES,
  GEMINI_RULES,
  MINIMAX_RULES,
  MISTRAL_RULES,
  MOONSHOT_RULES,
  PERPLEXITY_RULES,
  VERTEX_RULES,
  XAI_RULES,
  ZHIPU_RULES,
} from './model-makers.ts'
import { ALIBABA_RULES, AZURE_RULES, GROQ_RULES, OPENAI_RULES, SAMBANOVA_RULES } from './openai-and-peers.ts'
import { LLAMA_CPP_RULES, LM_STUDIO_RULES, OLLAMA_RULES, VLLM_RULES } from './local-servers.ts'
import type { RequestRules } from './request-rules.ts'

/** The rules of vendors, under the names by which a provider's definition or the models file refers to them. */
export const REQUEST_RULES = {
  openai: OPENAI_RULES,
  azure: AZURE_RULES,
  groq: GROQ_RULES,
  alibaba: ALIBABA_RULES,
  sambanova: SAMBANOVA_RULES,
  anthropic: ANTHROPIC_RULES,
  gemini: GEMINI_RULES,
  vertex: VERTEX_RULES,
  xai: XAI_RULES,
  deepseek: DEEPSEEK_RULES,
  mistral: MISTRAL_RULES,
  moonshot: MOONSHOT_RULES,
  zhipu: ZHIPU_RULES,
  minimax: MINIMAX_RULES,
  cohere: COHERE_RULES,
  perplexity: PERPLEXITY_RULES,
  cerebras: CEREBRAS_RULES,
  fireworks: FIREWORKS_RULES,
  together: TOGETHER_RULES,
  nvidia: NVIDIA_RULES,
  github: GITHUB_MODELS_RULES,
  ollama: OLLAMA_RULES,
  lmstudio: LM_STUDIO_RULES,
  llamacpp: LLAMA_CPP_RULES,
  vllm: VLLM_RULES,
  'open-models': OPEN_MODEL_HOST_RULES,
} as const satisfies Readonly<Record<string, RequestRules>>

/** A name in `REQUEST_RULES`. */
export type RequestRulesName = keyof typeof REQUEST_RULES

export function isRequestRulesName(name: unknown): name is RequestRulesName {
  return typeof name === 'string' && Object.hasOwn(REQUEST_RULES, name)
}
