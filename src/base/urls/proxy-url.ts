/** How the address of an HTTP proxy may be written, for error messages. */
export const PROXY_URL_FORMS = 'http://proxy:3128, http://user:password@proxy:3128 or https://proxy'

/** Why a text is not the address of an HTTP proxy; `undefined` when it is one. The message never quotes the text. */
export function validateProxyUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'it is not a URL'
  const { protocol, hostname, pathname, search, hash } = new URL(text)
  if (protocol.startsWith('socks')) return 'SOCKS proxies are not supported'
  if (protocol !== 'http:' && protocol !== 'https:') return 'it begins with neither http:// nor https://'
  if (hostname === '') return 'it has no host'
  return pathname !== '/' || search !== '' || hash !== '' ? 'it has a path' : undefined
}
