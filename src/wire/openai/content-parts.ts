import { isObject } from '../json/json-body.ts'

/** The text and the thoughts of content that is a list of typed parts. */
export interface PlainContent {
  readonly content: string
  readonly reasoning_content?: string
}

/**
 * Content of a response as one text. Mistral's models send a list of parts while they reason, others a list of texts
 * (https://github.com/openclaw/openclaw/pull/78868, https://github.com/symfony/ai/issues/2422, read 2026-12); clients of chat
 * completions join texts. `undefined` for content that is no list, and for a list with anything but text and thoughts.
 */
export function plainContent(content: unknown): PlainContent | undefined {
  if (!Array.isArray(content)) return undefined
  const texts: string[] = []
  const thoughts: string[] = []
  for (const part of content as readonly unknown[]) {
    const thought = thoughtIn(part)
    const text = textIn(part)
    if (thought !== undefined) thoughts.push(thought)
    else if (text !== undefined) texts.push(text)
    else return undefined
  }
  const reasoning = thoughts.join('')
  return { content: texts.join(''), ...(reasoning === '' ? {} : { reasoning_content: reasoning }) }
}

function textIn(part: unknown): string | undefined {
  if (typeof part === 'string') return part
  if (!isObject(part)) return undefined
  const { type, text } = part
  return (type === 'text' || type === 'output_text') && typeof text === 'string' ? text : undefined
}

/** A text, or a list of texts. */
function thoughtIn(part: unknown): string | undefined {
  if (!isObject(part) || (part['type'] !== 'thinking' && part['type'] !== 'reasoning')) return undefined
  const { thinking, summary, text } = part
  const shown = thinking ?? summary ?? text
  if (!Array.isArray(shown)) return typeof shown === 'string' ? shown : ''
  return (shown as readonly unknown[]).map((each) => textIn(each) ?? summaryIn(each)).join('')
}

function summaryIn(part: unknown): string {
  return isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''
}
