import type { IncomingHttpHeaders } from 'node:http'
import { anthropicModel, anthropicModels } from './anthropic-models.ts'
import type { Listed } from './model-filters.ts'

type Query = Readonly<Record<string, unknown>>

/** How the clients of another API expect the list of models, at a path that they share with OpenAI's clients. */
export interface ModelListForm {
  /** Whether a request comes from such a client: by its headers and its query alone, since the path does not tell. */
  isFor(headers: IncomingHttpHeaders, query: Query): boolean
  /** Throws `bad-request`. */
  list(models: readonly Listed[], query: Query): object
  one(model: Listed): object
}

const anthropic: ModelListForm = {
  isFor: (headers) => headers['anthropic-version'] !== undefined,
  list: anthropicModels,
  one: anthropicModel,
}

/** The first that a request is for decides; without any the list has OpenAI's and OpenRouter's form. */
const FORMS: readonly ModelListForm[] = [anthropic]

/** The form of the list for a request; `undefined` for OpenAI's and OpenRouter's own. */
export function listFormFor(headers: IncomingHttpHeaders, query: Query): ModelListForm | undefined {
  return FORMS.find((form) => form.isFor(headers, query))
}
