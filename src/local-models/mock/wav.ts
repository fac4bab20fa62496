// Writes and measures the one sound format of the mock provider: 16-bit mono WAV.

export const SAMPLE_RATE = 8000
const HEADER_BYTES = 44
const BYTES_PER_SAMPLE = 2

const BEEP_SECONDS = 0.06
const LOUDNESS = 6000
/** The pitches of a major scale, in hertz, so that any order of letters sounds bearable. */
const PITCHES = [262, 294, 330, 392, 440, 523, 587, 659] as const

/** One beep of 60 ms per character, silence for white space, as raw 16-bit samples. */
export function beeps(text: string): Buffer {
  const characters = Array.from(text)
  const each = SAMPLE_RATE * BEEP_SECONDS
  const samples = Buffer.alloc(characters.length * each * BYTES_PER_SAMPLE)
  characters.forEach((character, index) => {
    const pitch = /\s/.test(character) ? 0 : (PITCHES[(character.codePointAt(0) ?? 0) % PITCHES.length] ?? 0)
    for (let at = 0; at < each; at++) {
      const fade = Math.min(1, at / 40, (each - at) / 40)
      const value = Math.sin((2 * Math.PI * pitch * at) / SAMPLE_RATE) * LOUDNESS * fade
      samples.writeInt16LE(Math.round(value), (index * each + at) * BYTES_PER_SAMPLE)
    }
  })
  return samples
}

export function wav(samples: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write('RIFF', 0)
  header.writeUInt32LE(HEADER_BYTES - 8 + samples.length, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(SAMPLE_RATE, 24)
  header.writeUInt32LE(SAMPLE_RATE * BYTES_PER_SAMPLE, 28)
  header.writeUInt16LE(BYTES_PER_SAMPLE, 32)
  header.writeUInt16LE(BYTES_PER_SAMPLE * 8, 34)
  header.write('data', 36)
  header.writeUInt32LE(samples.length, 40)
  return Buffer.concat([header, samples])
}

/** The duration of a WAV file in seconds; `undefined` for any other file. */
export function wavSeconds(file: Buffer): number | undefined {
  if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') return undefined
  let bytesPerSecond: number | undefined
  for (let at = 12; at + 8 <= file.length;) {
    const name = file.toString('latin1', at, at + 4)
    const size = file.readUInt32LE(at + 4)
    if (name === 'fmt ' && at + 20 <= file.length) bytesPerSecond = file.readUInt32LE(at + 16)
    if (name === 'data' && bytesPerSecond)
      // Writers that stream leave a size that is too large, so the bytes in the file count.
      return Math.min(size, file.length - at - 8) / bytesPerSecond
    at += 8 + size + (size % 2)
  }
  return undefined
}
