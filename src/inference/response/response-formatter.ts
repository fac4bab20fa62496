import type { Money } from '../../base/money.ts'
import type { CostParts } from '../../ledger/cost.ts'
import type { Usage } from '../../ledger/types.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { ResponseShape } from './response-shape.ts'

/** Formats the response of one attempt for the caller. One formatter per attempt: it keeps state between chunks. */
export interface ResponseFormatter {
  /** Formats an unstreamed response. */
  formatResponse(json: string, parsed: ChatChunk): string
  /** Formats a chunk; `undefined` when its content goes into the final chunk instead. */
  formatChunk(json: string, parsed: ChatChunk): string | undefined
  /** The chunk with the usage that ends a stream; `undefined` when there is none to send. */
  finalChunk(): string | undefined
  /**
   * The head of a response that is not JSON of ours. Called when the response begins; `contentType` is the provider's, of a
   * response that passes as bytes.
   */
  head?(contentType: string | undefined): ResponseHead
}

/** What the response to the caller says about its content. */
export interface ResponseHead {
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
}

/** What the broker knows about a response that the provider's JSON does not have. */
export interface ResponseInfo {
  /** The shape of the API that the caller speaks. */
  readonly shape: ResponseShape
  readonly id: string
  /** Unix seconds, for providers that send no `created`. */
  readonly created: number
  /** Display name. */
  readonly provider: string
  /** The catalog's name of the model that responds. */
  readonly model: string
  /** More than one endpoint contributed to the response. */
  readonly isCombined: boolean
  /** The counts as far as they are known now. */
  usage(): Usage | undefined
  /** What such a usage costs at the endpoint; `undefined` without a known price. */
  costParts(usage: Usage): CostParts | undefined
  /** What all endpoints that contributed to the response charge together, as far as it is known now. */
  cost(): Money | undefined
  /** OpenRouter's `openrouter_metadata`; `undefined` when the caller doesn't want it. */
  metadata(): object | undefined
  /** The legacy `x_aibroker` object. */
  envelope(): object
  /** The `x_aibroker` object as JSON text. */
  envelopeText(): string
}

/** The fields of a response beyond the known ones: the provider's own additions, without nulls. */
export function extraFields(response: object, known: ReadonlySet<string>): Record<string, unknown> {
  const added: Record<string, unknown> = {}
  const fields = response as Readonly<Record<string, unknown>>
  for (const name in fields) {
    const value = fields[name]
    if (value !== null && !known.has(name)) added[name] = value
  }
  return added
}
