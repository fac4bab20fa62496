// How many tokens images, sounds, videos and files can be, by the vendors' own rules. Vendors scale large images down, so
// that each rule has a maximum, whatever the size of the image.

/** The maximum of one image at the models whose name matches. */
export interface ImageRule {
  readonly models: RegExp
  readonly maxTokens: number
  readonly source: string
  /** When it was read there: YYYY-MM. */
  readonly date: string
}

const OPENAI = 'https://platform.openai.com/docs/guides/images-vision#calculating-costs'

/** The first that matches counts. */
export const IMAGE_RULES: readonly ImageRule[] = [
  // Tiles of 512 × 512 after scaling to 2048 × 768: at most 8, and a base. Billed tokens are multiplied at 4o-mini.
  { models: /gpt-4o-mini/i, maxTokens: 2833 + 8 * 5667, source: OPENAI, date: '2026-11' },
  {
    models: /gpt-4(o|\.1|\.5|-turbo|-vision)(?!-?(mini|nano))/i,
    maxTokens: 85 + 8 * 170,
    source: OPENAI,
    date: '2026-11',
  },
  // Patches of 32 × 32: at most 1,536, times 1.62 (mini), 2.46 (nano) or 1.72 (o4-mini).
  { models: /(gpt-(4\.1|5)-(mini|nano)|o4-mini)/i, maxTokens: 3779, source: OPENAI, date: '2026-11' },
  { models: /\bgpt-5(?![.\d])/i, maxTokens: 70 + 8 * 140, source: OPENAI, date: '2026-11' },
  { models: /\bo[13](?!\d)/i, maxTokens: 85 + 8 * 170, source: OPENAI, date: '2026-11' },
  // From 5.4 on at most 10,000 patches with the detail “original”.
  { models: /gpt-5\.\d/i, maxTokens: 10_000, source: OPENAI, date: '2026-11' },
  // Width × height / 750 after scaling to 1568 pixels, since Opus 4.7 to 2576 pixels.
  {
    models: /claude/i,
    maxTokens: 4784,
    source: 'https://docs.claude.com/en/docs/build-with-claude/vision',
    date: '2026-11',
  },
  // Gemini 2: 258 for each tile of 768 × 768, after scaling to 3072 × 3072. Gemini 3: up to 2,240 by media_resolution.
  {
    models: /gemini/i,
    maxTokens: 16 * 258,
    source: 'https://ai.google.dev/gemini-api/docs/tokens',
    date: '2026-11',
  },
  // 256 for each tile of 448 × 448, at most six, and one more.
  {
    models: /grok/i,
    maxTokens: 7 * 256,
    source: 'https://docs.x.ai/docs/guides/image-understanding',
    date: '2026-11',
  },
]

/** The highest maximum of any other vendor: Qwen's, 3584 × 3584 pixels of 28 × 28 (https://www.alibabacloud.com/help/en/model-studio/vision, 2026-11). */
export const MAX_IMAGE_TOKENS = 16_384

/** Gemini counts the most per second: 32 of sound, 300 of video with it (https://ai.google.dev/gemini-api/docs/tokens, 2026-11). */
export const SOUND_TOKENS_PER_SECOND = 32
export const VIDEO_TOKENS_PER_SECOND = 300

/** The slowest that each format is used with: sound lasts no longer than its bytes at this rate. */
export const MIN_SOUND_BYTES_PER_SECOND: Readonly<Record<string, number>> = {
  wav: 8_000, // telephone: 8 kHz, 8 bits
  pcm16: 16_000, // 8 kHz, 16 bits
  flac: 4_000,
}
/** Speech in Opus. */
export const MIN_ANY_SOUND_BYTES_PER_SECOND = 750
/** Video calls of the lowest quality. */
export const MIN_VIDEO_BYTES_PER_SECOND = 8_000

/**
 * A page of a PDF is up to 3,000 tokens of text and one image (https://docs.claude.com/en/docs/build-with-claude/pdf-support,
 * 2026-11), and hardly any page has fewer bytes than half of that.
 */
export const MAX_FILE_TOKENS_PER_BYTE = 2
