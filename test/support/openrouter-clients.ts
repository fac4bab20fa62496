import { createOpenRouter } from '@openrouter/ai-sdk-provider'
import { HTTPClient, OpenRouter } from '@openrouter/sdk'
import OpenAI from 'openai'
import { Agent, fetch as undiciFetch } from 'undici'

/** The three clients that OpenRouter's users have, each over a Unix socket and with retries switched off. */
export function clientsOn(socketPath: string) {
  const dispatcher = new Agent({ connect: { socketPath } })
  const fetchOverSocket = ((input: Request | string, init?: object) =>
    input instanceof Request
      ? fetchUnpacked(input, dispatcher)
      : undiciFetch(input, { ...init, dispatcher })) as unknown as typeof fetch
  const [baseURL, apiKey] = ['http://localhost/api/v1', 'sk-or-v1-test']
  return {
    openai: new OpenAI({ baseURL, apiKey, maxRetries: 0, fetch: fetchOverSocket }),
    openrouter: new OpenRouter({
      apiKey,
      serverURL: baseURL,
      retryConfig: { strategy: 'none' },
      httpClient: new HTTPClient({ fetcher: fetchOverSocket }),
    }),
    aiSdk: createOpenRouter({ baseURL, apiKey, fetch: fetchOverSocket }),
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}

/** Node's own `fetch` accepts no dispatcher of a newer undici; undici's `fetch` accepts no Node `Request` and returns no Node `Response`. */
async function fetchUnpacked(request: Request, dispatcher: Agent): Promise<Response> {
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer())
  const headers = Object.fromEntries(request.headers)
  const response = await undiciFetch(request.url, {
    method: request.method,
    headers,
    signal: request.signal,
    dispatcher,
    ...(body === undefined ? {} : { body }),
  })
  return new Response(response.body as ReadableStream | null, {
    status: response.status,
    headers: Object.fromEntries(response.headers),
  })
}
