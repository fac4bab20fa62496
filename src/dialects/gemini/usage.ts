import { isObject } from '../../wire/json/json-body.ts'
import type { Fields } from '../chat-vocabulary.ts'
import { countIn, objectIn } from '../read-fields.ts'

/** Usage in Google's arithmetic: thoughts are not in `candidatesTokenCount`; cached tokens are in the prompt, as at OpenAI. */
export function usageOut(usage: Fields): Fields {
  const prompt = countIn(usage['prompt_tokens'])
  const completion = countIn(usage['completion_tokens'])
  const cached = countIn(objectIn(usage['prompt_tokens_details'])['cached_tokens'])
  const thoughts = Math.min(
    completion,
    countIn(objectIn(usage['completion_tokens_details'])['reasoning_tokens']),
  )
  return {
    promptTokenCount: prompt,
    ...(cached === 0 ? {} : { cachedContentTokenCount: cached }),
    candidatesTokenCount: completion - thoughts,
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    totalTokenCount: prompt + completion,
  }
}

/** Google's usage in OpenAI's arithmetic: thoughts are inside the completion, the results of hosted tools inside the prompt. */
export function usageIn(usage: Fields): Fields {
  const prompt = countIn(usage['promptTokenCount']) + countIn(usage['toolUsePromptTokenCount'])
  const thoughts = countIn(usage['thoughtsTokenCount'])
  const completion = countIn(usage['candidatesTokenCount']) + thoughts
  const audio = modalityIn(usage['promptTokensDetails'], 'AUDIO')
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: countIn(usage['cachedContentTokenCount']),
      ...(audio === 0 ? {} : { audio_tokens: audio }),
    },
    completion_tokens_details: { reasoning_tokens: thoughts },
  }
}

function modalityIn(details: unknown, modality: string): number {
  const all: readonly unknown[] = Array.isArray(details) ? details : []
  return all.reduce<number>((sum, one) => {
    const isOfIt = isObject(one) && one['modality'] === modality
    return isOfIt ? sum + countIn(one['tokenCount']) : sum
  }, 0)
}
