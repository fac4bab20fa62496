import type { Usage } from '../../ledger/types.ts'
import type { WireUsage } from '../../wire/openai/chat.ts'

/** Puts OpenAI's counts into our words. */
export function usageOfWire(wire: WireUsage): Usage {
  const prompt = wire.prompt_tokens_details
  const completion = wire.completion_tokens_details
  return {
    prompt: wire.prompt_tokens ?? 0,
    completion: wire.completion_tokens ?? 0,
    cachedPrompt: prompt?.cached_tokens ?? wire.prompt_cache_hit_tokens ?? 0,
    cacheWrite: prompt?.cache_write_tokens ?? 0,
    reasoning: completion?.reasoning_tokens ?? 0,
    audioPrompt: prompt?.audio_tokens ?? 0,
    audioCompletion: completion?.audio_tokens ?? 0,
    imagePrompt: prompt?.image_tokens ?? undefined,
  }
}
