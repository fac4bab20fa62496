/** An address for a message: what stands before an `@` or behind a `?` may be a key. */
export function shownUrl(url: string): string {
  return url.replace(/[?#].*/s, '?***').replace(/^([a-z][\w+.-]*:\/\/)?.*@/is, '$1***@')
}
