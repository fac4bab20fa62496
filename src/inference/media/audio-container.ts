import { parseFromTokenizer } from 'music-metadata'
import {
  AbstractTokenizer,
  EndOfStreamError,
  type IRandomAccessFileInfo,
  type IRandomAccessTokenizer,
  type IReadChunkOptions,
} from 'strtok3'
import type { UploadedFile } from '../../wire/openai/media/uploaded-file.ts'

/** A header of a container, or a picture in it, is smaller. */
const MAX_READ_BYTES = 1024 * 1024
/** A file whose header states no length is read frame by frame: so many reads are an hour of MP3. */
const MAX_READS = 400_000

/** The length that the container states, in milliseconds; `undefined` where it states nothing sensible. */
export async function statedMs(file: UploadedFile): Promise<number | undefined> {
  try {
    const { format } = await parseFromTokenizer(new FileReader(file), { duration: true, skipCovers: true })
    const { duration } = format
    // No sound has fewer than two bits a second; whatever says so lies.
    const isSensible =
      duration !== undefined && duration > 0 && duration <= 86_400 && duration <= file.byteLength * 4
    return isSensible ? Math.round(duration * 1000) : undefined
  } catch {
    return undefined
  }
}

/** Reads the file in place, in bounded pieces and a bounded number of times. */
class FileReader extends AbstractTokenizer implements IRandomAccessTokenizer {
  readonly fileInfo: IRandomAccessFileInfo
  readonly #file: UploadedFile
  #reads = 0

  constructor(file: UploadedFile) {
    super({ maxBufferSize: MAX_READ_BYTES })
    this.fileInfo = { size: file.byteLength, path: file.name }
    this.#file = file
  }

  async readBuffer(buffer: Uint8Array, options?: IReadChunkOptions): Promise<number> {
    const { position, length, mayBeLess } = this.normalizeOptions(buffer, options)
    const read = await this.#readAt(buffer.subarray(0, length), position, mayBeLess === true)
    this.position = position + read
    return read
  }

  peekBuffer(buffer: Uint8Array, options?: IReadChunkOptions): Promise<number> {
    const { position, length, mayBeLess } = this.normalizeOptions(buffer, options)
    return this.#readAt(buffer.subarray(0, length), position, mayBeLess === true)
  }

  async #readAt(buffer: Uint8Array, position: number, mayBeLess: boolean): Promise<number> {
    if (++this.#reads > MAX_READS) throw new RangeError(`more than ${MAX_READS} reads`)
    const read = await this.#file.readAt(buffer, position)
    if (read < buffer.length && !mayBeLess) throw new EndOfStreamError()
    return read
  }

  supportsRandomAccess(): true {
    return true
  }

  setPosition(position: number): void {
    this.position = position
  }
}
