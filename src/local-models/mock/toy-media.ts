// The toy forms of rerank, moderation and images: each a plain rule that says what it is.
import { crc32, deflateSync } from 'node:zlib'
import { z } from 'zod'
import { readBehaviour } from './directives.ts'
import { readJson, sendJson, type Exchange } from './exchange.ts'
import { modelFor, parse, refuse } from './parse-request.ts'
import { countTokens, tokensOf } from './tokens.ts'

const rerankRequest = z.looseObject({
  model: z.string(),
  query: z.string(),
  documents: z.array(z.union([z.string(), z.looseObject({ text: z.string() })])).min(1),
  top_n: z.int().min(1).nullish(),
})

/** `POST /v1/rerank`: the score is the share of the query's words that a document has. */
export async function rerank(exchange: Exchange): Promise<void> {
  const request = parse(rerankRequest, await readJson(exchange))
  const model = modelFor(request.model, 'rerank')
  const [query, behaviour] = readBehaviour(request.query, model.directives)
  if (await refuse(exchange, behaviour)) return
  const texts = request.documents.map((each) => (typeof each === 'string' ? each : each.text))
  const wanted = wordsOf(query)
  const results = texts
    .map((text, index) => ({ index, relevance_score: shareOf(wanted, wordsOf(text)) }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score)
    .slice(0, request.top_n ?? texts.length)
  const tokens = [query, ...texts].reduce((sum, text) => sum + countTokens(text), 0)
  sendJson(exchange, {
    model: request.model,
    results,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(tokensOf(text.toLowerCase()).map((token) => token.trim()))
}

function shareOf(wanted: ReadonlySet<string>, found: ReadonlySet<string>): number {
  return wanted.size === 0 ? 0 : [...wanted].filter((word) => found.has(word)).length / wanted.size
}

const moderationRequest = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1)], { error: 'loopback reads texts only' }),
})

/** `POST /v1/moderations`: flags a text that has the word “forbidden”, and no other. */
export async function moderations(exchange: Exchange): Promise<void> {
  const request = parse(moderationRequest, await readJson(exchange))
  const model = modelFor(request.model, 'moderation')
  const texts = typeof request.input === 'string' ? [request.input] : request.input
  const [, behaviour] = readBehaviour(texts.at(-1) ?? '', model.directives)
  if (await refuse(exchange, behaviour)) return
  const results = texts.map((text) => {
    const flagged = wordsOf(text).has('forbidden')
    return {
      flagged,
      categories: { violence: flagged },
      category_scores: { violence: flagged ? 1 : 0 },
      category_applied_input_types: { violence: ['text'] },
    }
  })
  sendJson(exchange, { id: `modr-${exchange.random(24)}`, model: request.model, results })
}

const imageRequest = z.looseObject({
  model: z.string(),
  prompt: z.string().min(1),
  n: z.int().min(1).max(10).nullish(),
})

/** `POST /v1/images/generations`: a square in a color that follows from the words of the prompt. */
export async function images(exchange: Exchange): Promise<void> {
  const request = parse(imageRequest, await readJson(exchange))
  const model = modelFor(request.model, 'image')
  const [prompt, behaviour] = readBehaviour(request.prompt, model.directives)
  if (await refuse(exchange, behaviour)) return
  const image = { b64_json: square(crc32(prompt)).toString('base64') }
  const input = countTokens(prompt)
  sendJson(exchange, {
    created: Math.floor(exchange.clock.now() / 1000),
    data: Array.from({ length: request.n ?? 1 }, () => image),
    output_format: 'png',
    size: `${SIDE}x${SIDE}`,
    usage: { input_tokens: input, output_tokens: 1, total_tokens: input + 1 },
  })
}

const SIDE = 64

/** A PNG of one color, from the lowest 24 bits. */
function square(color: number): Buffer {
  const row = Buffer.alloc(1 + 3 * SIDE)
  for (let at = 1; at < row.length; at++) row[at] = (color >>> (((at - 1) % 3) * 8)) & 0xff
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIDE, 0)
  header.writeUInt32BE(SIDE, 4)
  header.set([8, 2], 8)
  const pixels = deflateSync(Buffer.concat(Array.from({ length: SIDE }, () => row)))
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}
