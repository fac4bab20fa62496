import { z } from 'zod'

import type { ErrorCode } from '../../../base/errors.ts'
import type { Method } from '../method.ts'

const message = z
  .looseObject({ role: z.string(), content: z.unknown().optional() })
  .meta({ id: 'ChatMessage', description: 'As in OpenAI’s chat API.' })

/** Errors of a request to a model. */
const INFERENCE_ERRORS: readonly ErrorCode[] = [
  'no-such-model',
  'none-fits',
  'over-budget',
  'over-limit',
  'store-full',
  'stopping',
  'upstream-refused',
  'upstream-denied',
  'upstream-busy',
  'upstream-failed',
  'upstream-down',
  'upstream-timeout',
  'overloaded',
]

export const aiMethods = {
  'ai.chat': {
    summary: 'One complete response of a chat model',
    description:
      'Is processed like `POST /v1/chat/completions`: with routing, fallback, limits and ledger. Use that route to ' +
      'stream a response.',
    params: z.strictObject({
      messages: z.array(message).min(1),
      model: z.string().optional().describe('`auto` by default.'),
      temperature: z.number().optional(),
      max_tokens: z.int().min(1).optional(),
      options: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Any other field of the chat request: `tools`, `provider`, `response_format` …'),
    }),
    result: z.looseObject({
      id: z.string().describe('The generation id, which is also the id of the ledger entry.'),
      model: z.string(),
      choices: z.array(z.looseObject({})),
    }),
    errors: INFERENCE_ERRORS,
    role: 'caller',
    allowsLargeParams: true,
    example: {
      params: { messages: [{ role: 'user', content: 'Say hello.' }], model: 'auto' },
      result: {
        id: 'gen-1767225600-4lXwVqZrbT9mYc2e',
        object: 'chat.completion',
        model: 'gpt-4o-mini',
        provider: 'OpenAI',
        choices: [{ index: 0, message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12, cost: 0.0000027 },
      },
    },
  },
  'ai.embed': {
    summary: 'Texts as vectors',
    description: 'Is processed like `POST /v1/embeddings`.',
    params: z.strictObject({
      model: z.string(),
      input: z.union([z.string(), z.array(z.string())]).describe('A text or several.'),
      dimensions: z.int().min(1).optional(),
      options: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Any other field of the embedding request: `provider`, `encoding_format` …'),
    }),
    result: z.looseObject({ model: z.string(), data: z.array(z.looseObject({ index: z.int() })) }),
    errors: INFERENCE_ERRORS,
    role: 'caller',
    allowsLargeParams: true,
    example: {
      params: { model: 'text-embedding-3-small', input: 'Hello' },
      result: {
        object: 'list',
        model: 'text-embedding-3-small',
        data: [{ object: 'embedding', index: 0, embedding: [0.12, -0.07] }],
        usage: { prompt_tokens: 1, total_tokens: 1, cost: 0.00000002 },
      },
    },
  },
  'ai.transcribe': {
    summary: 'A sound, written down',
    description: 'Is processed like `POST /v1/audio/transcriptions`, which takes files of any size.',
    params: z.strictObject({
      audio: z.string().min(1).describe('The file in base64.'),
      format: z.string().min(1).max(16).describe('The extension of such a file: `wav`, `mp3` …'),
      model: z.string().optional().describe('`auto` by default.'),
      language: z.string().optional().describe('ISO 639-1.'),
      options: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Any other field of the transcription request: `prompt`, `temperature` …'),
    }),
    result: z.looseObject({ text: z.string() }),
    errors: INFERENCE_ERRORS,
    role: 'caller',
    allowsLargeParams: true,
    example: {
      params: { audio: 'UklGRiQAAABXQVZF', format: 'wav', model: 'whisper-1' },
      result: { text: 'Hello!', usage: { type: 'duration', seconds: 1.2, cost: 0.000308333 } },
    },
  },
  'ai.tts': {
    summary: 'A text, spoken',
    description: 'Is processed like `POST /v1/audio/speech`, which sends the sound as it comes.',
    params: z.strictObject({
      input: z.string().min(1),
      model: z.string().optional().describe('`auto` by default.'),
      voice: z.string().optional(),
      format: z.string().optional().describe('The `response_format`: `mp3`, `wav` …'),
      options: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Any other field of the speech request: `speed`, `instructions` …'),
    }),
    result: z.object({
      id: z.string().describe('The generation id, which is also the id of the ledger entry.'),
      audio: z.string().describe('The sound in base64.'),
      content_type: z.string(),
    }),
    errors: INFERENCE_ERRORS,
    role: 'caller',
    allowsLargeParams: true,
    example: {
      params: { input: 'Hello!', model: 'tts-1', voice: 'alloy' },
      result: { id: 'gen-1767225600-4lXwVqZrbT9mYc2e', audio: 'SUQz', content_type: 'audio/mpeg' },
    },
  },
} as const satisfies Record<string, Method>
