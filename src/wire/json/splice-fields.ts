import { skipSpace, type FieldSpan, type JsonText } from './json-fields.ts'

const COMMA = 0x2c

/** New values of fields as JSON text; `undefined` removes the field. A new field is put first. */
export type FieldChanges = ReadonlyMap<string, string | undefined>

/**
 * Replaces, adds and removes top-level fields of a JSON text; all other bytes stay unchanged. The result is built in one pass:
 * every intermediate result would be another copy of the text.
 */
export function spliceFields(json: JsonText, changes: FieldChanges): string {
  const edits: Edit[] = []
  let added = ''
  let removed = 0
  for (const [name, value] of changes) {
    const span = json.fields.get(name)
    if (span === undefined) {
      if (value !== undefined) added += `${added === '' ? '' : ','}${JSON.stringify(name)}:${value}`
    } else if (value === undefined) removed++
    else edits.push({ from: span.valueFrom, to: span.valueTo, text: value })
  }
  if (removed > 0) edits.push(...removals(json, changes))
  if (added !== '') edits.unshift(addition(json, added, json.fields.size > removed))
  if (edits.length > 1) edits.sort((a, b) => a.from - b.from)
  return applyEdits(json.text, edits)
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

function addition({ text }: JsonText, added: string, othersFollow: boolean): Edit {
  const open = text.indexOf('{') + 1
  return { from: open, to: open, text: othersFollow ? `${added},` : added }
}

/** A field is removed with the comma after it; fields at the end are removed with the comma before them. */
function removals({ text, fields }: JsonText, changes: FieldChanges): Edit[] {
  const edits: Edit[] = []
  let keptTo: number | undefined
  let going: FieldSpan[] = []
  for (const [name, span] of fields) {
    if (changes.has(name) && changes.get(name) === undefined) going.push(span)
    else {
      for (const { keyFrom, valueTo } of going)
        edits.push({ from: keyFrom, to: afterComma(text, valueTo), text: '' })
      going = []
      keptTo = span.valueTo
    }
  }
  const [first, last] = [going[0], going.at(-1)]
  if (first !== undefined && last !== undefined)
    edits.push({ from: keptTo ?? first.keyFrom, to: last.valueTo, text: '' })
  return edits
}

function afterComma(text: string, to: number): number {
  const next = skipSpace(text, to)
  return text.charCodeAt(next) === COMMA ? next + 1 : to
}

/** Applies edits that are sorted and don't overlap. */
function applyEdits(text: string, edits: readonly Edit[]): string {
  let out = ''
  let read = 0
  for (const { from, to, text: put } of edits) {
    out += text.slice(read, from) + put
    read = to
  }
  return out + text.slice(read)
}
