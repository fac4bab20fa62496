const MAX_NAME = 100

/** A name that a caller chose, cut to 100 characters for a message: the length of a message is not the caller's choice. */
export function truncate(name: string): string {
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME)}…`
}

/** A URL for a message: what stands before an `@` or behind a `?` or `#` may be a key, and is replaced by `***`. */
export function redactUrl(url: string): string {
  return url.replace(/[?#].*/s, '?***').replace(/^([a-z][\w+.-]*:\/\/)?.*@/is, '$1***@')
}

/** Printable ASCII without quotes and backslashes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** A short string as JSON. Nearly all are the text between quotes, which takes half the time of `JSON.stringify`. */
export function jsonText(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** What stands in examples where a key belongs, and what another program would have replaced. */
const PLACEHOLDERS = [
  /^<[^<>]+>$/,
  /^\$\{[^}]*\}$/,
  /^\$\(?[A-Za-z_]\w*\)?$/,
  /^\{\{.*\}\}$/,
  /^\{(env|file|input):[^}]*\}$/,
  /^%[A-Za-z_]\w*%$/,
  /^!(secret|env|vault)\b/i,
  // `sk-...`, `sk-xxxxxxxx`, `***`
  /^([a-z]+[-_])*(\.{3,}|…|x{4,}|\*{3,})$/i,
  /^\[?(your|insert|replace|change|put)[-_ ]?(me\b|.*(key|token|secret|password|here)\b)/i,
]

/** Whether a text stands for a key instead of being one: sent as a credential it would be refused, and may tell a name. */
export function isPlaceholder(text: string): boolean {
  return PLACEHOLDERS.some((form) => form.test(text))
}
