/** Cleans and truncates text from outside before a model sees it. */

/** C0 and C1 controls except tab and newline, soft hyphen, zero-width and bidirectional marks, tags, interlinear marks. */
const INVISIBLE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- naming them is the point
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

/** Removes control and invisible characters and normalises line ends. */
export function clean(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll('\r', '\n').replace(INVISIBLE, '')
}

export interface Cut {
  readonly text: string
  readonly truncated: boolean
  readonly totalChars: number
}

/** Truncates at the last paragraph, else line, else word that fits, never in the middle of a surrogate pair. */
export function cut(text: string, maxChars: number): Cut {
  if (text.length <= maxChars) return { text, truncated: false, totalChars: text.length }
  const head = text.slice(0, maxChars)
  const minEnd = maxChars * 0.8
  const end = ['\n\n', '\n', ' '].map((edge) => head.lastIndexOf(edge)).find((at) => at >= minEnd) ?? maxChars
  return {
    text: head
      .slice(0, end)
      .toWellFormed()
      .replace(/\ufffd$/, ''),
    truncated: true,
    totalChars: text.length,
  }
}

/** Truncates one line of a list and marks it with an ellipsis. */
export function shorten(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${cut(text, maxChars - 1).text}…`
}

/** Applies `change` to every string in a JSON value, keys included. */
export function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [change(key), mapStrings(item, change)]),
  )
}

/** Copies a JSON value up to about `maxChars` characters; the rest is left out and `truncated` is set. */
export function capJson(value: unknown, maxChars: number): { value: unknown; truncated: boolean } {
  const budget = { left: maxChars, truncated: false }
  return { value: copyWithin(value, budget), truncated: budget.truncated }
}

function copyWithin(value: unknown, budget: { left: number; truncated: boolean }): unknown {
  if (typeof value === 'string') {
    const kept = cut(value, Math.max(0, budget.left))
    budget.left -= kept.text.length + 2
    budget.truncated ||= kept.truncated
    return kept.text
  }
  if (typeof value !== 'object' || value === null) {
    budget.left -= String(value).length
    return value
  }
  const kept: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) {
    if (budget.left <= 0) {
      budget.truncated = true
      break
    }
    budget.left -= Array.isArray(value) ? 1 : key.length + 4
    kept.push([key, copyWithin(item, budget)])
  }
  return Array.isArray(value) ? kept.map(([, item]) => item) : Object.fromEntries(kept)
}
