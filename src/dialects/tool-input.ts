import { isObject } from '../wire/json/json-body.ts'
import type { Fields } from './chat-vocabulary.ts'

/** The name under which arguments are passed on that are no JSON object. */
const RAW_ARGUMENTS = 'raw_arguments'

/** Arguments as an object. Empty ones are an empty object; those that are no object are kept as they are, under one name. */
export function inputOf(text: unknown): Fields {
  if (typeof text !== 'string' || text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Kept below.
  }
  return { [RAW_ARGUMENTS]: text }
}
