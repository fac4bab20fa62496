import { z } from 'zod'

/** A chat request. Any field of the OpenAI and OpenRouter APIs may be added. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly [field: string]: unknown
}

/** A message of a chat request. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool' | 'developer'
  readonly content: unknown
  readonly [field: string]: unknown
}

const usage = z.looseObject({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  /** US dollars; absent when the price is unknown. */
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

/** The fields of a response and of a chunk alike. Fields that are not named here pass unchanged. */
const common = {
  id: z.string(),
  model: z.string(),
  /** Display name of the provider that responded. */
  provider: z.string().optional(),
  usage: usage.nullish(),
}

const messageFields = { content: text, reasoning: text, tool_calls: toolCalls }

export const chatAnswer = z.looseObject({
  ...common,
  choices: z.array(z.looseObject({ message: z.looseObject(messageFields), finish_reason: text })),
})

/** The last chunk of a stream carries `usage`. */
export const chatChunk = z.looseObject({
  ...common,
  choices: z.array(z.looseObject({ delta: z.looseObject(messageFields), finish_reason: text })),
})

/** A complete chat response. */
export type ChatAnswer = Readonly<z.infer<typeof chatAnswer>>

/** A chunk of a streamed chat response. */
export type ChatChunk = Readonly<z.infer<typeof chatChunk>>

/** Tokens and cost of a response. */
export type ChatUsage = Readonly<z.infer<typeof usage>>
