import OpenAI from 'openai'
import { Agent, fetch } from 'undici'

/** OpenAI's own client over a Unix socket, with retries switched off. */
export function openaiClient(socketPath: string): OpenAI & AsyncDisposable {
  const dispatcher = new Agent({ connect: { socketPath } })
  const client = new OpenAI({
    apiKey: 'unused',
    baseURL: 'http://localhost/v1',
    maxRetries: 0,
    fetch: ((url: string, options: object) =>
      fetch(url, { ...options, dispatcher })) as unknown as typeof globalThis.fetch,
  })
  return Object.assign(client, { [Symbol.asyncDispose]: () => dispatcher.destroy() })
}
