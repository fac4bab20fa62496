import { isObject } from '../wire/json/json-body.ts'
import type { Fields } from './chat-vocabulary.ts'

/** The object in a field; an empty one where there is something else. */
export function objectIn(value: unknown): Fields {
  return isObject(value) ? value : {}
}

/** The count of tokens in a field; 0 where there is something else, or less than nothing. */
export function countIn(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0
}
