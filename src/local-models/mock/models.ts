import { ZERO } from '../../base/money.ts'
import type { ModelKind, Price } from '../../catalog/catalog.ts'

/** A model of the mock provider. */
export interface MockModel {
  readonly id: string
  readonly displayName: string
  readonly description: string
  readonly kind: ModelKind
  readonly capabilities: readonly string[]
  readonly contextWindow: number
  readonly maxOutputTokens: number
  /** Zero: the mock provider is free. */
  readonly price: Price
  /** Directives of `mockDirectives` that apply to every request to this model. */
  readonly directives: readonly string[]
}

/** The description of the mock provider wherever it is listed. */
export const mockDescription =
  'Built-in echo for trying things out: it repeats and counts what it was given. It is not a language model.'

const free: Price = {
  input: ZERO,
  output: ZERO,
  characters: ZERO,
  hours: ZERO,
  source: 'built in',
  date: undefined,
}

const limits = { contextWindow: 131_072, maxOutputTokens: 32_768, price: free }
const chat = {
  ...limits,
  kind: 'chat' as const,
  capabilities: ['tool_calling', 'json_mode', 'structured_outputs', 'streaming'],
}

export const mockModels: readonly MockModel[] = [
  {
    ...chat,
    id: 'loopback',
    displayName: 'Loopback (built-in echo)',
    description: mockDescription,
    directives: [],
  },
  {
    ...chat,
    id: 'loopback-slow',
    displayName: 'Loopback, slow (built-in echo)',
    description: 'The echo, a second late and then 20 chunks a second. Not a language model.',
    directives: ['delay 1s', 'every 50ms'],
  },
  {
    ...chat,
    id: 'loopback-busy',
    displayName: 'Loopback, busy (built-in echo)',
    description: 'Refuses everything with 429 and a Retry-After of one second. Not a language model.',
    directives: ['status 429 retry-after 1'],
  },
  {
    ...chat,
    id: 'loopback-broken',
    displayName: 'Loopback, broken (built-in echo)',
    description: 'Breaks off after three chunks. Not a language model.',
    directives: ['cut after 3'],
  },
  {
    ...limits,
    id: 'loopback-embedding',
    displayName: 'Loopback embeddings (built-in word hash)',
    description: 'Vectors from hashed words: texts that share words lie close. Not a language model.',
    kind: 'embedding',
    capabilities: ['embedding'],
    directives: [],
  },
  {
    ...limits,
    id: 'loopback-speech',
    displayName: 'Loopback speech (built-in beeps)',
    description: 'One beep a letter, as a WAV file. It cannot speak.',
    kind: 'speech',
    capabilities: ['text_to_speech'],
    directives: [],
  },
  {
    ...limits,
    id: 'loopback-transcription',
    displayName: 'Loopback transcription (built-in ruler)',
    description: 'States size and duration of the sound it was given. It cannot listen.',
    kind: 'transcription',
    capabilities: ['speech_to_text'],
    directives: [],
  },
  {
    ...limits,
    id: 'loopback-rerank',
    displayName: 'Loopback rerank (built-in word count)',
    description: 'Sorts documents by the words that they share with the query. Not a language model.',
    kind: 'rerank',
    capabilities: ['rerank'],
    directives: [],
  },
  {
    ...limits,
    id: 'loopback-moderation',
    displayName: 'Loopback moderation (built-in word list)',
    description: 'Flags the word “forbidden” and nothing else. Not a language model.',
    kind: 'moderation',
    capabilities: ['moderation'],
    directives: [],
  },
  {
    ...limits,
    id: 'loopback-image',
    displayName: 'Loopback image (built-in color)',
    description: 'One square, in a color that follows from the prompt. It cannot draw.',
    kind: 'image',
    capabilities: ['image_generation'],
    directives: [],
  },
]
