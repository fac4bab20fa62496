import type { JsonBody } from '../../wire/json/json-body.ts'

/** What a model is given to read, as far as it can be told from a request. */
export interface PromptText {
  readonly texts: readonly string[]
  /** Tokens that were given as numbers, as embeddings may be asked for. */
  readonly tokens: number
  readonly messages: number
  /** Pictures, sounds, files: how many tokens they are is not for us to say. */
  readonly media: number
  /** Tools, forms of answers and calls: given to the model, in a shape that only its provider knows. */
  readonly extras: readonly string[]
}

/** What chat templates of some providers say before the first message: gpt-oss 70 tokens, Llama 3.3 some 30. */
const TEMPLATE_TOKENS = 128
/** What they say of tools before the first tool; Anthropic documents up to 346 tokens, older models had 530. */
const TOOLS_TOKENS = 640

/** No token is shorter than a byte, and the frame that a provider puts around messages is shorter than JSON's. */
export function textTokensAtMost({ byteLength, fields }: JsonBody): number {
  const isChat = fields.has('messages')
  return byteLength + (isChat ? TEMPLATE_TOKENS : 0) + (fields.has('tools') ? TOOLS_TOKENS : 0)
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

/** How many pictures are in the messages. */
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
