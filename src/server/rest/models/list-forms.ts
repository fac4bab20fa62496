import type { IncomingHttpHeaders } from 'node:http'
import { anthropicModel, anthropicModels } from './anthropic-models.ts'
import { geminiModel, geminiModels } from './gemini-models.ts'
import type { Listed } from './model-filters.ts'

type Query = Readonly<Record<string, unknown>>

/** What the form of a list depends on. */
interface ListRequest {
  readonly headers: IncomingHttpHeaders
  /** Path and query. */
  readonly url: string
}

/** How the clients of another API expect the list of models, at a path that they share with OpenAI's clients. */
export interface ModelListForm {
  /** Whether a request comes from such a client: by its headers where its path does not tell. */
  isFor(request: ListRequest): boolean
  /** Throws `bad-request`. */
  list(models: readonly Listed[], query: Query): object
  one(model: Listed): object
}

const anthropic: ModelListForm = {
  isFor: ({ headers }) => headers['anthropic-version'] !== undefined,
  list: anthropicModels,
  one: anthropicModel,
}

/** A key in the query is in the header by now. */
const gemini: ModelListForm = {
  isFor: ({ headers, url }) =>
    url.startsWith('/v1beta/') ||
    headers['x-goog-api-key'] !== undefined ||
    headers['x-goog-api-client'] !== undefined,
  list: geminiModels,
  one: geminiModel,
}

/** The first that a request is for decides; without any the list has OpenAI's and OpenRouter's form. */
const FORMS: readonly ModelListForm[] = [gemini, anthropic]

/** The form of the list for a request; `undefined` for OpenAI's and OpenRouter's own. */
export function listFormFor(request: ListRequest): ModelListForm | undefined {
  return FORMS.find((form) => form.isFor(request))
}
