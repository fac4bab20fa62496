import { isObject, jsonBodyOf, type JsonBody } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'
import type { Fields } from '../chat-vocabulary.ts'

/** An earlier response that a request goes on from. */
export interface EarlierResponse {
  readonly input: readonly Fields[]
  readonly response: Fields
}

/** The input of a request as a list of items. What is wrong in it is left to `readRequest`. */
export function inputItems(input: unknown): readonly Fields[] {
  if (typeof input === 'string')
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }]
  return (Array.isArray(input) ? input : []).filter(isObject)
}

/** A request with the items before its own; its own instructions stay, and those of the earlier response do not apply. */
export function continueFrom(body: JsonBody, { input, response }: EarlierResponse): JsonBody {
  const { output } = response
  const before = [...input, ...(Array.isArray(output) ? output : []).filter(isObject)]
  const own = inputItems(body.value['input']).map((item) => resolved(item, before))
  return jsonBodyOf(spliceFields(body, new Map([['input', JSON.stringify([...before, ...own])]])))
}

/** An item that is named by its id alone. */
function resolved(item: Fields, before: readonly Fields[]): Fields {
  if (item['type'] !== 'item_reference') return item
  return before.find(({ id }) => id === item['id']) ?? item
}

/** Items with ids, by which they are listed. */
export function identified(items: readonly Fields[], stem: string): readonly Fields[] {
  return items.map((item, at) =>
    typeof item['id'] === 'string'
      ? item
      : { ...item, type: item['type'] ?? 'message', id: `item_${stem}_${at}` },
  )
}
