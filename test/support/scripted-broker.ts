import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'

import type { RpcOptions } from '../../src/server/rpc/rpc-server.ts'
import { startRpcSocket } from './rpc-socket.ts'
import type { RpcSocket } from './rpc-socket.ts'

/** What the REST socket does with one chat request. */
export type ChatScript = (request: ChatBody, response: ServerResponse) => void | Promise<void>

export interface ChatBody {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly stream: boolean
  readonly tools?: readonly { readonly function: { readonly name: string } }[]
  readonly tool_choice?: string
}

/** The broker's two sockets as its clients see them: the real RPC server, and a chat route that follows a script. */
export interface ScriptedBroker extends RpcSocket {
  readonly sockets: { readonly rpc: string; readonly rest: string }
  /** The chat requests received, in order. */
  readonly chatRequests: ChatBody[]
}

/** Starts both sockets; `options` overrides options of the RPC server. */
export async function startScriptedBroker(
  chat: ChatScript,
  options: Partial<RpcOptions> = {},
): Promise<ScriptedBroker> {
  const rpc = await startRpcSocket({ roleOf: () => 'admin', ...options })
  const chatRequests: ChatBody[] = []
  const rest = createServer((request, response) => {
    if (request.method === 'GET') return sendJson(response, 200, { status: 'ok' })
    void readBody(request).then(async (body) => {
      chatRequests.push(body)
      await chat(body, response)
    })
  })
  const sockets = { rpc: rpc.path, rest: join(rpc.folder, 'rest.sock') }
  await new Promise<void>((resolve) => rest.listen(sockets.rest, resolve))
  return {
    ...rpc,
    sockets,
    chatRequests,
    async [Symbol.asyncDispose]() {
      rest.closeAllConnections()
      await new Promise((resolve) => rest.close(resolve))
      await rpc[Symbol.asyncDispose]()
    },
  }
}

async function readBody(request: IncomingMessage): Promise<ChatBody> {
  return JSON.parse((await request.toArray()).join('')) as ChatBody
}

/** Sends the pieces as a stream, or joined when no stream was requested, with OpenRouter's fields and a cost. */
export function says(...pieces: readonly string[]): ChatScript {
  return ({ stream }, response) => {
    if (!stream) return sendJson(response, 200, wholeResponse(pieces.join('')))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const content of pieces)
      response.write(event({ ...HEAD, choices: [{ index: 0, delta: { content } }] }))
    response.write(event({ ...HEAD, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }))
    response.write(event({ ...HEAD, choices: [], usage: USAGE }))
    response.end('data: [DONE]\n\n')
  }
}

/** Refuses with the error envelope that the REST server writes. */
export function refuses(status: number, message: string, metadata: Record<string, unknown>): ChatScript {
  return (_request, response) => sendJson(response, status, { error: { code: status, message, metadata } })
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** One server-sent event. */
export function event(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

export const HEAD = {
  id: 'gen-1-abc',
  object: 'chat.completion.chunk',
  model: 'gpt-4o-mini',
  provider: 'Groq',
}

export const USAGE = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, cost: 0.0000039 }

function wholeResponse(content: string) {
  const choice = { index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }
  return { ...HEAD, object: 'chat.completion', choices: [choice], usage: USAGE }
}
