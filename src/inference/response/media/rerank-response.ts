import { usdNumber } from '../../../base/money.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import type { ResponseFormatter, ResponseInfo } from '../response-formatter.ts'

/** The documents that a response may repeat. */
export interface RerankedDocuments {
  readonly documents: readonly (string | object)[]
  readonly topN: number
  readonly returnsDocuments: boolean
}

interface Result {
  readonly index: number
  readonly relevance_score: number
}

/**
 * Formats a rerank response so that clients of Cohere, Jina and OpenRouter find their fields: the best first, each with the document as an
 * object.
 */
export function rerankFormatter(info: ResponseInfo, request: RerankedDocuments): ResponseFormatter {
  return {
    formatResponse(_json, response) {
      const { results, id } = response as { readonly results?: unknown; readonly id?: unknown }
      const sorted = resultsIn(results, request.documents.length).slice(0, request.topN)
      return JSON.stringify({
        id: typeof id === 'string' ? id : info.id,
        object: 'list',
        model: info.model,
        provider: info.provider,
        results: sorted.map(({ index, relevance_score }) => ({
          index,
          relevance_score,
          ...(request.returnsDocuments ? { document: documentAt(request.documents, index) } : {}),
        })),
        ...usageOf(info),
        x_aibroker: { id: info.id, ...info.envelope() },
      })
    },
    formatChunk: () => undefined,
    finalChunk: () => undefined,
  }
}

/** The results that point to a document, the best first. */
function resultsIn(results: unknown, count: number): readonly Result[] {
  if (!Array.isArray(results)) return []
  return results
    .filter((each): each is Result => isResult(each, count))
    .toSorted((a, b) => b.relevance_score - a.relevance_score)
}

function isResult(value: unknown, count: number): value is Result {
  if (!isObject(value)) return false
  const { index, relevance_score: score } = value
  return (
    Number.isSafeInteger(index) &&
    (index as number) >= 0 &&
    (index as number) < count &&
    typeof score === 'number'
  )
}

function documentAt(documents: RerankedDocuments['documents'], index: number): object | undefined {
  const document = documents[index]
  return typeof document === 'string' ? { text: document } : document
}

function usageOf(info: ResponseInfo): object {
  const usage = info.usage()
  if (usage === undefined) return {}
  const cost = info.cost()
  const { searchUnits, prompt } = usage
  return {
    usage: {
      ...(searchUnits === undefined
        ? { prompt_tokens: prompt, total_tokens: prompt }
        : { search_units: searchUnits }),
      ...(cost === undefined ? {} : { cost: usdNumber(cost) }),
    },
    meta: {
      api_version: { version: '2' },
      ...(searchUnits === undefined ? {} : { billed_units: { search_units: searchUnits } }),
    },
  }
}
