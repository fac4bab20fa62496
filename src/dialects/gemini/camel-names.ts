import { isObject } from '../../wire/json/json-body.ts'
import type { Fields } from '../chat-vocabulary.ts'

/** Google's servers take every name as `systemInstruction` and as `system_instruction`; from here on it is the first. */
export function camelNames(object: Fields): Fields {
  const names = Object.keys(object)
  if (!names.some((name) => name.includes('_'))) return object
  return Object.fromEntries(names.map((name) => [camelName(name), object[name]]))
}

/** The same for an object that may be absent. */
export function camelObject(value: unknown): Fields {
  return isObject(value) ? camelNames(value) : {}
}

function camelName(name: string): string {
  return name.replace(/(?<=[a-z0-9])_([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}
