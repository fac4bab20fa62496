/** The accepted forms of a provider's base URL, for an error message. */
export const BASE_URL_FORMS = 'https://host/v1, http://host/v1 or http+unix://%2Fpath%2Fof.sock/v1'

/** The reason why `text` is not a valid base URL of a provider; `undefined` when it is one. The reason quotes no part that may be a key. */
export function validateBaseUrl(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null) return 'it is no URL'
  if (url.username !== '' || url.password !== '') return 'keys belong in a key variable'
  if (url.search !== '' || url.hash !== '') return 'it ends with its path; what follows would not be sent'
  if (!['http:', 'https:', 'http+unix:'].includes(url.protocol)) return `it begins with “${url.protocol}”`
  if (!/^[^:]+:\/\/[^/]/.test(text)) return 'it has no host'
  if (url.protocol === 'http+unix:' && !/^%2F/i.test(url.host))
    return 'the socket’s path must be absolute and percent-encoded'
  return hasValidEncoding(url.host) ? undefined : 'its host is not percent-encoded as it should be'
}

function hasValidEncoding(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
