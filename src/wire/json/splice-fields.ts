import { skipSpace, type JsonText } from './json-fields.ts'

const COMMA = 0x2c

/** New values of fields as JSON text; `undefined` removes the field. A new field is put first. */
export type FieldChanges = ReadonlyMap<string, string | undefined>

/**
 * Replaces, adds and removes top-level fields of a JSON text; all other bytes stay unchanged, but for the space around what is
 * removed. The result is built in one pass: every intermediate result would be another copy of the text.
 */
export function spliceFields(json: JsonText, changes: FieldChanges): string {
  const { text, fields } = json
  const added = additions(json, changes)
  /** Everything before this position is in `out` or left out. */
  let read = added === '' ? 0 : text.indexOf('{') + 1
  let out = text.slice(0, read) + added
  /** Where the last field ends that stays, and where the fields that go since then begin and end. */
  let keptTo: number | undefined
  let goesFrom: number | undefined
  let goesTo = 0
  for (const [name, { keyFrom, valueFrom, valueTo }] of fields) {
    const isChanged = changes.has(name)
    const value = isChanged ? changes.get(name) : undefined
    if (isChanged && value === undefined) {
      goesFrom ??= keyFrom
      goesTo = valueTo
      continue
    }
    if (goesFrom !== undefined) {
      // Fields that go take the comma after them along.
      out += text.slice(read, goesFrom)
      read = afterComma(text, goesTo)
      goesFrom = undefined
    }
    if (value !== undefined) {
      out += text.slice(read, valueFrom) + value
      read = valueTo
    }
    keptTo = valueTo
  }
  if (goesFrom === undefined) return out + text.slice(read)
  // At the end there is only a comma before them.
  return out + text.slice(read, keptTo ?? goesFrom) + text.slice(goesTo)
}

/** The members that are new, with a comma behind the last one if others follow. */
function additions({ fields }: JsonText, changes: FieldChanges): string {
  let added = ''
  let staying = fields.size
  for (const [name, value] of changes) {
    if (fields.has(name)) {
      if (value === undefined) staying--
    } else if (value !== undefined) added += `${added === '' ? '' : ','}${JSON.stringify(name)}:${value}`
  }
  return added !== '' && staying > 0 ? `${added},` : added
}

function afterComma(text: string, to: number): number {
  const next = skipSpace(text, to)
  return text.charCodeAt(next) === COMMA ? next + 1 : to
}
