/** A file of a request. It is on disk, so that its size does not matter to memory. */
export interface UploadedFile {
  /** As the caller named it: providers take the format from its extension. */
  readonly name: string
  readonly contentType: string
  readonly byteLength: number
  /** A new reading from the beginning. Each piece is only valid until the next one is read. */
  read(): AsyncIterable<Uint8Array>
  /** Reads into a buffer from a position; returns how many bytes there were. */
  readAt(buffer: Uint8Array, position: number): Promise<number>
}
