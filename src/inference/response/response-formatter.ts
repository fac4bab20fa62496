import type { Money } from '../../base/money.ts'
import type { CostParts } from '../../ledger/cost.ts'
import type { Usage } from '../../ledger/types.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'

/** Puts the answer of one attempt into OpenRouter's shape. */
export interface Completer {
  answer(json: string, answer: ChatChunk): string
  /** Nothing when what the chunk said is told at the end. */
  chunk(json: string, chunk: ChatChunk): string | undefined
  /** What a stream still owes before its end. */
  last(): string | undefined
}

/** What the broker knows of an answer that its provider doesn't say. */
export interface AnswerFacts {
  readonly id: string
  /** Unix seconds, for providers that don't say when. */
  readonly created: number
  /** Display name. */
  readonly provider: string
  /** Our name of the model that answers. */
  readonly model: string
  /** It took more than one endpoint to give the answer. */
  readonly isShared: boolean
  /** The counts as far as they are known now. */
  usage(): Usage | undefined
  /** What such counts cost at the endpoint; `undefined` without a known price. */
  parts(usage: Usage): CostParts | undefined
  /** What the endpoints that gave the answer charge together, as far as it is known now. */
  cost(): Money | undefined
  /** OpenRouter's `openrouter_metadata`; `undefined` when the caller doesn't want it. */
  metadata(): object | undefined
  /** The legacy `x_aibroker` object. */
  envelope(): object
  /** The same as JSON. */
  envelopeText(): string
}

/** An answer that is OpenRouter's already. */
export const verbatim: Completer = {
  answer: (json) => json,
  chunk: (json) => json,
  last: () => undefined,
}

/** Fields of an answer that nobody has written yet: the provider's own additions, but no nulls. */
export function additions(answer: object, known: ReadonlySet<string>): Record<string, unknown> {
  const added: Record<string, unknown> = {}
  const fields = answer as Readonly<Record<string, unknown>>
  for (const name in fields) {
    const value = fields[name]
    if (value !== null && !known.has(name)) added[name] = value
  }
  return added
}
