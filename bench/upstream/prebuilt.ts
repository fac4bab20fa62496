/** Response bytes of a provider in OpenAI's format, built once and sent many times. */

const KEEP = { created: 1_700_000_000, model: 'gpt-4o-mini-2024-07-18', system_fingerprint: 'fp_bench' }
const USAGE = { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 }

/** A whole HTTP response with a body of about `bodyBytes` bytes. */
export function plainResponse(bodyBytes: number): Buffer {
  const empty = JSON.stringify(completion(''))
  const body = JSON.stringify(completion('x'.repeat(Math.max(1, bodyBytes - empty.length))))
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
}

/** Characters of content in `plainResponse(bodyBytes)`, for checking the response. */
export const contentLength = (bodyBytes: number) =>
  Math.max(1, bodyBytes - JSON.stringify(completion('')).length)

/** The last header switches buffering off in nginx; others ignore it. */
export const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-accel-buffering: no\r\n\r\n',
)

export const streamChunk = framed(chunk({ content: ' word' }, null))

/** The end of a stream: the finish reason, the usage, `[DONE]`. */
export const streamEnd = Buffer.concat([
  framed(chunk({}, 'stop')),
  framed({ ...head('chat.completion.chunk'), choices: [], usage: USAGE }),
  framed('[DONE]'),
  Buffer.from('0\r\n\r\n'),
])

function completion(content: string) {
  const message = { role: 'assistant', content, refusal: null }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }]
  return { ...head('chat.completion'), choices, usage: USAGE }
}

function chunk(delta: object, reason: string | null) {
  return {
    ...head('chat.completion.chunk'),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
  }
}

function head(object: string) {
  return { id: 'chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012', object, ...KEEP }
}

function framed(event: object | string): Buffer {
  const data = `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`
  return Buffer.from(`${data.length.toString(16)}\r\n${data}\r\n`)
}
