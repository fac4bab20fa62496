import { z } from 'zod'

/** What is asked of a chat model. Any field of the OpenAI and OpenRouter APIs may be added; the broker knows them. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly [field: string]: unknown
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool' | 'developer'
  readonly content: unknown
  readonly [field: string]: unknown
}

const usage = z.looseObject({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  /** US dollars; absent when nobody knows the price. */
  cost: z.number().nullish(),
})

const text = z.string().nullish()

const toolCalls = z
  .array(
    z.looseObject({
      index: z.number().nullish(),
      id: text,
      function: z.looseObject({ name: text, arguments: text }).nullish(),
    }),
  )
  .nullish()

/** What both forms of an answer have. Fields that are not named here pass as they came. */
const common = {
  id: z.string(),
  model: z.string(),
  /** Display name of the provider that answers. */
  provider: z.string().optional(),
  usage: usage.nullish(),
}

const said = { content: text, reasoning: text, tool_calls: toolCalls }

export const chatAnswer = z.looseObject({
  ...common,
  choices: z.array(z.looseObject({ message: z.looseObject(said), finish_reason: text })),
})

/** The last chunk of a stream carries `usage`. */
export const chatChunk = z.looseObject({
  ...common,
  choices: z.array(z.looseObject({ delta: z.looseObject(said), finish_reason: text })),
})

/** A whole answer. */
export type ChatAnswer = Readonly<z.infer<typeof chatAnswer>>

/** A piece of a streamed answer. */
export type ChatChunk = Readonly<z.infer<typeof chatChunk>>

export type ChatUsage = Readonly<z.infer<typeof usage>>
