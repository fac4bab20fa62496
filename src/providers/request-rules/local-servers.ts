import { OPEN_MODEL_HOST_RULES } from './hosts.ts'
import type { RequestRules } from './request-rules.ts'

/** Servers of open models on this host, under the names by which they are detected. */
const LOCAL_SERVER_RULES: RequestRules = {
  ...OPEN_MODEL_HOST_RULES,
  sources: [
    // llama.cpp: “System message must be at the beginning.”
    ['https://github.com/Noineri/vibe_tavern/issues/44', '2026-12'],
  ],
}

/** They refuse null as content, which others want beside calls. */
const TEXT_BESIDE_CALLS: RequestRules = {
  ...LOCAL_SERVER_RULES,
  sources: [
    // Ollama: “invalid message content type: <nil>”
    ['https://github.com/SAIL-Research-Lab/cheetahclaws/pull/72', '2026-12'],
    // LM Studio: “'content' field must be a string or an array of objects”
    ['https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/261', '2026-12'],
  ],
  messages: { ...LOCAL_SERVER_RULES.messages, emptyContent: '' },
}

export const OLLAMA_RULES = TEXT_BESIDE_CALLS
export const LM_STUDIO_RULES = TEXT_BESIDE_CALLS
export const LLAMA_CPP_RULES = LOCAL_SERVER_RULES
export const VLLM_RULES = OPEN_MODEL_HOST_RULES
