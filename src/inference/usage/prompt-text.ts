import type { JsonBody } from '../../wire/json/json-body.ts'
import { mediaIn, usualMediumTokens } from './media/prompt-media.ts'
import { BYTES_PER_TOKEN } from './token-ratio.ts'

/** The input of a model, as far as a request shows it. */
export interface PromptText {
  readonly texts: readonly string[]
  /** Number of tokens that the request gives as numbers, which embeddings allow. */
  readonly tokens: number
  readonly messages: number
  /** Number of images, sounds and files; the broker cannot count their tokens. */
  readonly media: number
  /** Tools, response formats and tool calls as JSON. The model gets them in a form that only its provider knows. */
  readonly extras: readonly string[]
}

/** Tokens that chat templates of some providers put before the first message: gpt-oss 70, Llama 3.3 some 30. */
const TEMPLATE_TOKENS = 128
/** Tokens that chat templates put before the first tool; Anthropic documents up to 346, older models had 530. */
const TOOLS_TOKENS = 640

/**
 * An upper bound of the prompt's tokens when it is all text: no token is shorter than a byte, and the frame that a provider
 * puts around messages is shorter than JSON's.
 */
export function maxTextTokens({ byteLength, fields }: JsonBody): number {
  const isChat = fields.has('messages')
  return byteLength + (isChat ? TEMPLATE_TOKENS : 0) + (fields.has('tools') ? TOOLS_TOKENS : 0)
}

/** A body that is shorter than this has no medium that would matter for an estimate. */
const SHORT_BODY = 4096

/** About how many tokens the prompt has, by rules of thumb for texts and for media. */
export function usualPromptTokens(body: JsonBody): number {
  const media = body.byteLength < SHORT_BODY ? [] : mediaIn(body)
  let [textBytes, tokens] = [body.byteLength, 0]
  for (const medium of media) {
    textBytes -= medium.encodedLength
    tokens += usualMediumTokens(medium)
  }
  return tokens + Math.ceil(textBytes / BYTES_PER_TOKEN)
}

/** Reads the texts of a chat, a completion or an embedding. */
export function promptTextOf({ value }: JsonBody): PromptText {
  const { messages, prompt, input } = value
  const reader = new Reader()
  if (Array.isArray(messages)) for (const message of messages) reader.readMessage(message)
  else reader.readInput(prompt ?? input)
  for (const name of EXTRAS) if (value[name] !== undefined) reader.extras.push(JSON.stringify(value[name]))
  return reader
}

const EXTRAS = ['tools', 'functions', 'response_format'] as const

/** The number of images in the messages. */
export function imagesIn({ value }: JsonBody): number {
  let images = 0
  const messages = Array.isArray(value['messages']) ? value['messages'] : []
  for (const { content } of messages as readonly { content?: unknown }[])
    if (Array.isArray(content))
      for (const part of content) if ((part as { type?: unknown } | null)?.type === 'image_url') images++
  return images
}

class Reader implements PromptText {
  readonly texts: string[] = []
  readonly extras: string[] = []
  tokens = 0
  messages = 0
  media = 0

  readMessage(message: unknown): void {
    const { content, tool_calls } = (message ?? {}) as { content?: unknown; tool_calls?: unknown }
    this.messages++
    if (tool_calls !== undefined) this.extras.push(JSON.stringify(tool_calls))
    if (typeof content === 'string') this.texts.push(content)
    else if (Array.isArray(content)) for (const part of content) this.#readPart(part)
  }

  #readPart(part: unknown): void {
    const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown }
    if (type === 'text' && typeof text === 'string') this.texts.push(text)
    else this.media++
  }

  /** A text, tokens, or a list of either. */
  readInput(input: unknown): void {
    if (typeof input === 'string') this.texts.push(input)
    else if (typeof input === 'number') this.tokens++
    else if (Array.isArray(input)) for (const each of input) this.readInput(each)
    else if (input !== undefined) this.media++
  }
}
