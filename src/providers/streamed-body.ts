/** A request body that is read while it is sent, so that it is never in memory as a whole. */
export interface StreamedBody {
  /** Exactly as many bytes as a reading gives. */
  readonly byteLength: number
  /** A new reading from the beginning; a retry reads again. Each piece is only valid until the next one is read. */
  read(): AsyncIterable<Uint8Array>
}

export function isStreamed(body: string | Uint8Array | StreamedBody | undefined): body is StreamedBody {
  return typeof body === 'object' && 'read' in body
}
