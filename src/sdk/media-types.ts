import { z } from 'zod'

/** A text to be spoken; other fields pass on as they are. */
export interface SpeechRequest {
  readonly model: string
  readonly input: string
  readonly voice?: string | undefined
  readonly [field: string]: unknown
}

/** The sound as it comes. */
export interface Speech extends AsyncIterable<Uint8Array> {
  /** What JSON responses have in `x_aibroker`: provider, endpoint, attempts, and the cost where it is known before the sound ends. */
  readonly x_aibroker: unknown
}

/** A sound to be written down as JSON; other fields pass on as they are. */
export interface TranscriptionRequest {
  readonly model: string
  /** The whole file; its format is taken from the extension of its name. */
  readonly file: { readonly name: string; readonly bytes: Uint8Array }
  readonly response_format?: 'json' | 'verbose_json' | 'diarized_json' | undefined
  readonly [field: string]: unknown
}

/** A sound to be written down as text or subtitles; other fields pass on as they are. */
export interface TranscriptTextRequest extends Omit<TranscriptionRequest, 'response_format'> {
  readonly model: string
  readonly file: TranscriptionRequest['file']
  readonly response_format: 'text' | 'srt' | 'vtt'
}

export const transcript = z.looseObject({ text: z.string() })
export type Transcript = z.output<typeof transcript>

/** Images to be made; other fields pass on as they are. */
export interface ImageRequest {
  readonly model: string
  readonly prompt: string
  readonly n?: number | undefined
  readonly [field: string]: unknown
}

export const images = z.looseObject({ data: z.array(z.looseObject({ b64_json: z.string() })) })
export type Images = z.output<typeof images>

/** Texts to be classified; other fields pass on as they are. */
export interface ModerationRequest {
  readonly input: string | readonly string[]
  readonly model?: string | undefined
  readonly [field: string]: unknown
}

export const moderation = z.looseObject({ results: z.array(z.looseObject({ flagged: z.boolean() })) })
export type Moderation = z.output<typeof moderation>

/** Documents to be sorted; other fields pass on as they are. */
export interface RerankRequest {
  readonly model: string
  readonly query: string
  readonly documents: readonly (string | object)[]
  readonly top_n?: number | undefined
  readonly [field: string]: unknown
}

export const reranking = z.looseObject({
  results: z.array(z.looseObject({ index: z.int(), relevance_score: z.number() })),
})
export type Reranking = z.output<typeof reranking>
