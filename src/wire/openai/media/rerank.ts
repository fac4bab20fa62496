import { z } from 'zod'
import { jsonBodyOf, type JsonBody } from '../../json/json-body.ts'
import { spliceFields } from '../../json/splice-fields.ts'
import { fieldError } from '../field-error.ts'
import { parseRoutingPreferences, type RoutingPreferences } from '../routing/routing-preferences.ts'

const document = z.union(
  [z.string(), z.looseObject({ text: z.string().nullish() })],
  'should be a text or an object',
)
const form = z.looseObject({
  query: z.string().min(1),
  documents: z.array(document).min(1).max(10_000),
  top_n: z.int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
})

/** Documents to be sorted by how well they fit a query; in Cohere's, Jina's and OpenRouter's form, which agree on these fields. */
export interface RerankRequest {
  readonly body: JsonBody
  /** The same with texts in place of documents that are nothing else, which every server takes, and with `top_n`, which some insist on. */
  readonly plainBody: JsonBody
  readonly routing: RoutingPreferences
  readonly query: string
  readonly documents: readonly (string | Readonly<Record<string, unknown>>)[]
  readonly topN: number
  readonly returnsDocuments: boolean
}

/** Reads a rerank request. Throws `bad-request` naming the field. */
export function parseRerankRequest(body: JsonBody): RerankRequest {
  const parsed = form.safeParse(body.value)
  if (!parsed.success) throw fieldError(form, body.value)
  const { query, documents, top_n, return_documents } = parsed.data
  const topN = Math.min(top_n ?? documents.length, documents.length)
  return {
    body,
    plainBody: plainBody(body, documents, topN),
    routing: parseRoutingPreferences(body, undefined),
    query,
    documents,
    topN,
    returnsDocuments: return_documents !== false,
  }
}

function plainBody(body: JsonBody, documents: RerankRequest['documents'], topN: number): JsonBody {
  const texts = documents.map((each) => (typeof each === 'string' ? each : onlyText(each)))
  const changes = new Map([['top_n', String(topN)]])
  if (texts.every((text) => text !== undefined)) changes.set('documents', JSON.stringify(texts))
  return jsonBodyOf(spliceFields(body, changes))
}

function onlyText(document: Readonly<Record<string, unknown>>): string | undefined {
  const { text, ...others } = document
  return typeof text === 'string' && Object.keys(others).length === 0 ? text : undefined
}
