import type { MethodName, Params, Result, StreamName } from '../../src/wire/rpc/methods.ts'

/** The path under which a front shows the dashboard; empty without one. */
export const PREFIX = document.documentElement.dataset['prefix'] ?? ''

/** The name in local storage that changes whenever any tab logs in or out. */
export const PROOF = `aibroker-proof ${PREFIX}`

/** An error of the broker or of the connection to it. `code` is one of the contract, or `offline`. */
export class CallError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

function headers(): Record<string, string> {
  // The second secret of the session. Storage belongs to this host and port alone, unlike the cookie.
  return {
    'content-type': 'application/json',
    'x-aibroker-dashboard': localStorage.getItem(PROOF) ?? 'none',
  }
}

async function post(path: string, body: unknown, more: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(`${PREFIX}/api/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...more,
      headers: { ...headers(), ...(more.headers as Record<string, string> | undefined) },
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new CallError('offline', 'The dashboard cannot be reached.')
  }
}

interface WireError {
  readonly message: string
  readonly code?: unknown
  readonly data?: { readonly code?: string }
}

function thrownBy({ message, code, data }: WireError): CallError {
  return new CallError(data?.code ?? String(code), message)
}

/** Calls a method of the contract. Throws `CallError`. */
export async function call<M extends MethodName>(
  method: M,
  params: Params<M>,
  signal?: AbortSignal,
): Promise<Result<M>> {
  const response = await post(
    'rpc',
    { jsonrpc: '2.0', id: 1, method, params },
    signal === undefined ? {} : { signal },
  )
  const reply = await replyOf<M>(response, method)
  if (reply.error !== undefined) throw thrownBy(reply.error)
  return reply.result as Result<M>
}

async function replyOf<M extends MethodName>(
  response: Response,
  method: string,
): Promise<{ result?: Result<M>; error?: WireError }> {
  return (await response.json().catch(() => ({ error: notJson(method) }))) as {
    result?: Result<M>
    error?: WireError
  }
}

function notJson(method: string): WireError {
  return { message: `The answer of ${method} is not JSON.`, code: 'bad-answer' }
}

/** The results of a streaming method, until the signal aborts. Throws `CallError` when the stream breaks. */
export async function* watch<M extends StreamName>(
  method: M,
  params: Params<M>,
  signal: AbortSignal,
): AsyncGenerator<Result<M>> {
  const more = { signal, headers: { accept: 'text/event-stream' } }
  const response = await post('rpc', { jsonrpc: '2.0', id: 1, method, params }, more)
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) {
    const { error } = await replyOf(response, method)
    throw thrownBy(error ?? notJson(method))
  }
  for await (const text of eventsOf(response)) {
    const reply = JSON.parse(text) as { result: Result<M>; error?: WireError }
    if (reply.error !== undefined) throw thrownBy(reply.error)
    yield reply.result
  }
}

/** A chat whose chunks come as they are generated. */
export async function* chat(body: object, signal: AbortSignal): AsyncGenerator<ChatChunk> {
  const response = await post('v1/chat/completions', { ...body, stream: true }, { signal })
  if (!response.ok) {
    const { error } = (await response.json()) as { error: WireError }
    throw thrownBy(error)
  }
  for await (const text of eventsOf(response)) {
    if (text === '[DONE]') return
    const chunk = JSON.parse(text) as ChatChunk & { error?: WireError }
    if (chunk.error !== undefined) throw thrownBy(chunk.error)
    yield chunk
  }
}

export interface ChatChunk {
  readonly id?: string
  readonly model?: string
  readonly provider?: string
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly usage?: {
    readonly prompt_tokens?: number
    readonly completion_tokens?: number
    readonly cost?: number
  }
}

async function* eventsOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim()
  }
}

/** Opens a session with the code of a link or with a token. Throws `CallError`. */
export async function logIn(given: { code: string } | { token: string }): Promise<void> {
  const response = await post('login', given)
  const reply = (await response.json()) as { proof?: string; error?: WireError }
  if (reply.error !== undefined || reply.proof === undefined)
    throw thrownBy(reply.error ?? { message: 'no session' })
  localStorage.setItem(PROOF, reply.proof)
}

export async function logOut(): Promise<void> {
  await post('logout', {})
  localStorage.removeItem(PROOF)
}
