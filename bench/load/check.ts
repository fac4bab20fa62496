import type { LoadResponse } from './response-reader.ts'
import type { Expected } from './job.ts'

const FINISHED = Buffer.from('"finish_reason":"stop"')
const EVENT = Buffer.from('data: ')
const DONE = Buffer.from('data: [DONE]')
const SHOWN = 300

/** Throws unless the response is correct, so that a fast but wrong proxy fails the benchmark. */
export function check({ status, body }: LoadResponse, expected: Expected): void {
  if (status !== 200) throw wrong(`status ${status}`, body)
  if (expected.type === 'plain') checkPlain(body, expected.contentLength)
  else checkStream(body, expected.chunks)
}

/** Parses small responses; of large ones it checks only the length and the end, to save CPU for the contenders. */
function checkPlain(body: Buffer, contentLength: number): void {
  if (body.length < contentLength || !body.includes(FINISHED)) throw wrong('incomplete response', body)
  if (body.length > 4_096) return
  const response = JSON.parse(body.toString()) as { choices?: { message?: { content?: string } }[] }
  if (response.choices?.[0]?.message?.content?.length !== contentLength) throw wrong('other content', body)
}

function checkStream(body: Buffer, chunks: number): void {
  let events = 0
  for (let at = body.indexOf(EVENT); at >= 0; at = body.indexOf(EVENT, at + EVENT.length)) events++
  if (events <= chunks) throw wrong(`${events} events instead of more than ${chunks}`, body)
  if (!body.includes(FINISHED)) throw wrong('a stream without its finish', body)
  if (body.lastIndexOf(DONE) !== body.lastIndexOf(EVENT))
    throw wrong('a stream that does not end with [DONE]', body)
}

const wrong = (what: string, body: Buffer) =>
  new Error(
    `wrong response, ${what}: ${body.toString('latin1', 0, SHOWN)} … ${body.toString('latin1', -SHOWN)}`,
  )
