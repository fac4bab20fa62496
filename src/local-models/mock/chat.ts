import { decideResponse, chatRequest, type MockResponse, type ChatRequest } from './answer.ts'
import { errorBody, pause, readJson, sendJson, untilDisconnect, write, type Exchange } from './exchange.ts'
import { modelFor, parse, refuse } from './parse-request.ts'

/** `POST /v1/chat/completions`, plain and streamed. */
export async function chat(exchange: Exchange): Promise<void> {
  const request = parse(chatRequest, await readJson(exchange))
  const mockResponse = decideResponse(request, modelFor(request.model, 'chat'))
  if (await refuse(exchange, mockResponse.behaviour)) return
  const head = {
    id: `chatcmpl-${exchange.random(24)}`,
    created: Math.floor(exchange.clock.now() / 1000),
    model: request.model,
    system_fingerprint: 'loopback',
  }
  if (request.stream === true) await stream(exchange, head, request, mockResponse)
  else await sendWhole(exchange, head, mockResponse)
}

interface Head {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly system_fingerprint: string
}

async function sendWhole(exchange: Exchange, head: Head, mockResponse: MockResponse): Promise<void> {
  const { behaviour, toolCall } = mockResponse
  await pause(
    exchange,
    behaviour.everyMs * (mockResponse.reasoningTokens.length + mockResponse.tokens.length),
  )
  const message = {
    role: 'assistant',
    content: toolCall === undefined ? mockResponse.tokens.join('') : null,
    ...(mockResponse.reasoningTokens.length === 0
      ? {}
      : { reasoning: mockResponse.reasoningTokens.join('') }),
    ...(toolCall === undefined ? {} : { tool_calls: [toolCallOf(exchange, toolCall)] }),
  }
  const body = {
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: mockResponse.finishReason }],
    ...(behaviour.reportsUsage ? { usage: usageOf(mockResponse) } : {}),
  }
  if (behaviour.ending === 'finish') return sendJson(exchange, body)
  if (behaviour.ending === 'error') return sendJson(exchange, midwayError)
  const text = JSON.stringify(body)
  const length = Buffer.byteLength(text)
  exchange.response.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
  await write(exchange, text.slice(0, Math.floor(text.length / 2)))
  await breakOff(exchange, behaviour.ending)
}

async function stream(
  exchange: Exchange,
  head: Head,
  request: ChatRequest,
  mockResponse: MockResponse,
): Promise<void> {
  const { behaviour } = mockResponse
  exchange.response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const start = `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk' }).slice(0, -1)}`
  const chunk = (delta: object, finishReason: string | null = null) =>
    `${start},"choices":[{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":${JSON.stringify(finishReason)}}]}\n\n`

  await write(exchange, chunk({ role: 'assistant', content: '' }))
  const deltas = deltasOf(exchange, mockResponse)
  const maxChunks = behaviour.ending === 'finish' ? Infinity : behaviour.endAfter
  let sent = 0
  for (const delta of deltas) {
    if (sent >= maxChunks) break
    await pause(exchange, behaviour.everyMs)
    if (exchange.signal.aborted) return
    await write(exchange, chunk(delta))
    sent += 1
  }
  switch (behaviour.ending) {
    case 'error':
      await write(exchange, `data: ${JSON.stringify(midwayError)}\n\n`)
      exchange.response.end()
      return
    case 'tear':
      await write(exchange, chunk({ content: 'torn' }).slice(0, 40))
      return breakOff(exchange, 'tear')
    case 'cut':
    case 'stall':
      return breakOff(exchange, behaviour.ending)
    case 'finish':
      await write(exchange, chunk({}, mockResponse.finishReason))
      if (request.stream_options?.include_usage === true && behaviour.reportsUsage)
        await write(exchange, `${start},"choices":[],"usage":${JSON.stringify(usageOf(mockResponse))}}\n\n`)
      exchange.response.end('data: [DONE]\n\n')
  }
}

function* deltasOf(
  exchange: Exchange,
  { reasoningTokens, tokens, toolCall }: MockResponse,
): Generator<object> {
  for (const reasoning of reasoningTokens) yield { reasoning }
  for (const content of tokens) yield { content }
  if (toolCall === undefined) return
  const { id, type, function: call } = toolCallOf(exchange, toolCall)
  yield { tool_calls: [{ index: 0, id, type, function: { name: call.name, arguments: '' } }] }
  // In two pieces, as real models do, so that a client that doesn't join them fails here too.
  const middle = Math.ceil(call.arguments.length / 2)
  yield { tool_calls: [{ index: 0, function: { arguments: call.arguments.slice(0, middle) } }] }
  yield { tool_calls: [{ index: 0, function: { arguments: call.arguments.slice(middle) } }] }
}

function toolCallOf({ random }: Exchange, call: { readonly name: string; readonly arguments: string }) {
  return { id: `call_${random(24)}`, type: 'function', function: call }
}

function usageOf({ promptTokens, completionTokens, reasoningTokens }: MockResponse): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoningTokens.length },
  }
}

async function breakOff(exchange: Exchange, how: 'cut' | 'tear' | 'stall'): Promise<void> {
  if (how === 'stall') return untilDisconnect(exchange)
  // End the socket, which flushes, instead of destroying it: what was written must arrive before the connection closes.
  // Node 26 passes it to the socket only at the end of the tick.
  await new Promise(setImmediate)
  exchange.response.socket?.end()
}

const midwayError = errorBody('loopback fails here, as its directive says', 'server_error', 502)
