import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'

interface Opener {
  open(sealed: string): string | undefined
}

/** Thoughts go back to their maker alone: what another model made, or for another key, is left out. */
export function writeThoughts(details: unknown, opener: Opener, carried: CarriedFields): readonly Fields[] {
  const all: readonly unknown[] = Array.isArray(details) ? details : []
  return all.flatMap((detail) => {
    const item = isObject(detail) ? itemOf(detail, opener) : undefined
    if (item === undefined) carried.note('dropped', 'thinking')
    return item === undefined ? [] : [item]
  })
}

/** Without what is opaque an item means nothing to a provider that keeps no state. */
function itemOf(detail: Fields, opener: Opener): Fields | undefined {
  const { data, signature, summary, text, id } = detail
  const sealed = typeof data === 'string' ? data : signature
  const opened = typeof sealed === 'string' ? opener.open(sealed) : undefined
  if (opened === undefined) return undefined
  const words = typeof summary === 'string' ? summary : text
  const own = fieldsOf(detail, 'responses')
  return {
    type: 'reasoning',
    ...(typeof id === 'string' ? { id } : {}),
    summary: typeof words === 'string' && words !== '' ? [{ type: 'summary_text', text: words }] : [],
    ...own,
    encrypted_content: opened,
  }
}
