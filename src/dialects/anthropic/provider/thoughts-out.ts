import { isObject } from '../../../wire/json/json-body.ts'
import type { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { ANTHROPIC_FORMAT } from '../thinking-format.ts'

interface Opener {
  open(sealed: string): string | undefined
}

/** Thoughts go back to their maker alone: what is unsigned, or signed by another model or for another key, is left out. */
export function writeThoughts(details: unknown, opener: Opener, carried: CarriedFields): readonly Fields[] {
  const all: readonly unknown[] = Array.isArray(details) ? details : []
  return all.flatMap((detail) => {
    const block =
      isObject(detail) && detail['format'] === ANTHROPIC_FORMAT ? blockOf(detail, opener) : undefined
    if (block === undefined) carried.note('dropped', 'thinking')
    return block === undefined ? [] : [block]
  })
}

function blockOf({ type, text, signature, data }: Fields, opener: Opener): Fields | undefined {
  const sealed = type === 'reasoning.encrypted' ? data : signature
  const opened = typeof sealed === 'string' ? opener.open(sealed) : undefined
  if (opened === undefined) return undefined
  return type === 'reasoning.encrypted'
    ? { type: 'redacted_thinking', data: opened }
    : { type: 'thinking', thinking: text ?? '', signature: opened }
}
