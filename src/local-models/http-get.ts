import { request } from 'node:http'

/** A server on this host: a Unix socket, or a port of 127.0.0.1. */
export type LocalAddress = { readonly socketPath: string } | { readonly port: number }

const LARGEST_ANSWER = 1024 * 1024

/** Sends a GET to a server on this host. Rejects when it doesn't respond, on abort, and beyond 1 MiB. Follows no redirect. */
export function httpGet(
  address: LocalAddress,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const place = 'port' in address ? { host: '127.0.0.1', port: address.port } : address
  const asked = request({ ...place, path, signal, agent: false, headers: { accept: 'application/json' } })
  asked.once('error', reject)
  asked.once('response', (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (piece: string) => {
      body += piece
      if (body.length > LARGEST_ANSWER)
        asked.destroy(new Error(`more than ${LARGEST_ANSWER} bytes from ${path}`))
    })
    response.once('error', reject)
    response.once('end', () => resolve({ status: response.statusCode ?? 0, body }))
  })
  asked.end()
  return promise
}
