/** The URL of a server and, for a server on a Unix socket, the path of the socket. */
export interface ParsedServerUrl {
  readonly url: URL
  readonly socketPath: string | undefined
}

/**
 * Parses `http(s)://…`, `http+unix://%2Frun%2Fa.sock/mcp`, or `unix:/run/a.sock:/mcp` (the part after the last colon is
 * the path on the server, by default `/mcp`). Returns `undefined` for anything else.
 */
export function parseServerUrl(text: string): ParsedServerUrl | undefined {
  const unix = /^unix:(?:\/\/)?(\/[^:]+)(?::(\/.*))?$/.exec(text)
  if (unix?.[1] !== undefined) return onSocket(unix[1], unix[2])
  const encoded = /^http\+unix:\/\/([^/]+)(\/.*)?$/.exec(text)
  if (encoded?.[1] !== undefined) return onSocket(decodeURIComponent(encoded[1]), encoded[2])
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.protocol === 'http:' || url.protocol === 'https:' ? { url, socketPath: undefined } : undefined
}

function onSocket(socketPath: string, path = '/mcp'): ParsedServerUrl | undefined {
  return socketPath.startsWith('/') ? { url: new URL(path, 'http://localhost'), socketPath } : undefined
}
