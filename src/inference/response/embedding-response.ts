import { dollarsNumber } from '../../base/money.ts'
import type { AnswerFacts, Completer } from './response-formatter.ts'
import { asBase64, asFloats, type Vector } from './embedding-encoding.ts'

/** Vectors in OpenRouter's shape and in the encoding that was asked for, whichever the provider used. */
export function embeddingCompleter(encoding: 'float' | 'base64'): (facts: AnswerFacts) => Completer {
  return (facts) => ({
    answer(_json, answer) {
      const vectors = Array.isArray(answer.data) ? (answer.data as readonly Vector[]) : []
      const data = inOrder(vectors).map(({ embedding }, index) => ({
        object: 'embedding',
        index,
        embedding: encoding === 'float' ? asFloats(embedding) : asBase64(embedding),
      }))
      return JSON.stringify({
        object: 'list',
        id: facts.id,
        provider: facts.provider,
        model: facts.model,
        data,
        ...usageOf(facts),
        openrouter_metadata: facts.metadata(),
        x_aibroker: facts.envelope(),
      })
    },
    chunk: () => undefined,
    last: () => undefined,
  })
}

function inOrder(vectors: readonly Vector[]): readonly Vector[] {
  return [...vectors].sort((a, b) => (a.index ?? 0) - (b.index ?? 0))
}

function usageOf(facts: AnswerFacts): object {
  const counts = facts.usage()
  if (counts === undefined) return {}
  const cost = facts.cost()
  return {
    usage: {
      prompt_tokens: counts.prompt,
      total_tokens: counts.prompt,
      ...(cost === undefined ? {} : { cost: dollarsNumber(cost) }),
      is_byok: false,
    },
  }
}
