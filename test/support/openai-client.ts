import OpenAI from 'openai'
import { Agent, fetch } from 'undici'

/** OpenAI's own client over a Unix socket, with retries switched off. */
export function openaiClient(socketPath: string): OpenAI & AsyncDisposable {
  const dispatcher = new Agent({ connect: { socketPath } })
  const send = async (url: string, options: RequestInit): Promise<unknown> =>
    await fetch(url, { ...((await withoutForm(options)) as object), dispatcher })
  const client = new OpenAI({
    apiKey: 'unused',
    baseURL: 'http://localhost/v1',
    maxRetries: 0,
    // The client asks this class whether forms can be sent.
    fetch: Object.assign(send, { Response }) as unknown as typeof globalThis.fetch,
  })
  return Object.assign(client, { [Symbol.asyncDispose]: () => dispatcher.destroy() })
}

/** The `FormData` of the process is unknown to the `fetch` of a package, so that its bytes are sent. */
async function withoutForm(options: RequestInit): Promise<RequestInit> {
  const { body, headers } = options
  if (!(body instanceof FormData)) return options
  const encoded = new Response(body)
  const named = new Headers(headers)
  named.set('content-type', encoded.headers.get('content-type') ?? '')
  return { ...options, headers: Object.fromEntries(named), body: await encoded.arrayBuffer() }
}
