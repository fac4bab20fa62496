import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk'
import { Agent, fetch } from 'undici'

/** Anthropic's own client over a Unix socket, with retries switched off. */
export function anthropicClient(
  socketPath: string,
  options: ClientOptions = {},
): Anthropic & AsyncDisposable {
  const dispatcher = new Agent({ connect: { socketPath } })
  const client = new Anthropic({
    apiKey: 'unused',
    baseURL: 'http://localhost',
    maxRetries: 0,
    fetch: ((url: string, request: object) =>
      fetch(url, { ...request, dispatcher })) as unknown as typeof globalThis.fetch,
    ...options,
  })
  return Object.assign(client, { [Symbol.asyncDispose]: () => dispatcher.destroy() })
}
