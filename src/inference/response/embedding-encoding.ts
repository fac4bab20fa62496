/** One vector of an embedding, in whichever encoding. */
export interface Vector {
  readonly index?: number | undefined
  readonly embedding?: unknown
}

/** Base64 on this wire is little-endian 32-bit floats. */
export function asFloats(embedding: unknown): unknown {
  if (typeof embedding !== 'string') return embedding
  const bytes = Buffer.from(embedding, 'base64')
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => bytes.readFloatLE(at * 4))
}

export function asBase64(embedding: unknown): unknown {
  if (!Array.isArray(embedding)) return embedding
  const bytes = Buffer.alloc(embedding.length * 4)
  for (const [at, value] of embedding.entries()) bytes.writeFloatLE(Number(value), at * 4)
  return bytes.toString('base64')
}
