import type { UploadedFile } from '../../wire/openai/media/uploaded-file.ts'

/** How long a sound is: likely, and at least and at most. */
export interface SoundLength {
  /** What the container says, but no less than its bytes make likely. */
  readonly ms: number
  readonly minMs: number
  readonly maxMs: number
}

/** The lowest bitrate that speech is sent in (Opus), in bits per second. */
const LOWEST_BITRATE = 6_000
/** Stereo at 48 kHz with 24 bits; compressed sound stays below a quarter of it. */
const HIGHEST_BITRATE = 2_304_000
const HIGHEST_COMPRESSED_BITRATE = 512_000
const UNCOMPRESSED = /\.(wav|wave|aiff?|flac)$/i

/**
 * The length of a sound by its container, which the caller controls: a header may lie, so that the bounds come from the size
 * alone. A file that can't be read has the size alone.
 */
export async function soundLengthOf(file: UploadedFile): Promise<SoundLength> {
  const highest = UNCOMPRESSED.test(file.name) ? HIGHEST_BITRATE : HIGHEST_COMPRESSED_BITRATE
  const minMs = msAt(highest, file.byteLength)
  const maxMs = msAt(LOWEST_BITRATE, file.byteLength)
  // Loaded with the first sound, for it brings a reader of every container.
  const { statedMs } = await import('./audio-container.ts')
  const stated = await statedMs(file)
  const ms = Math.max(stated ?? maxMs, minMs)
  return { ms, minMs, maxMs: Math.max(maxMs, ms) }
}

function msAt(bitsPerSecond: number, bytes: number): number {
  return Math.ceil((bytes * 8 * 1000) / bitsPerSecond)
}
