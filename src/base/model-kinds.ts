/** What models are for. A kind decides which API routes may use a model. */
export const MODEL_KINDS = [
  'chat',
  'embedding',
  'speech',
  'transcription',
  'image',
  'rerank',
  'moderation',
] as const

export type ModelKind = (typeof MODEL_KINDS)[number]
