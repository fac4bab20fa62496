import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/**
 * Writes values so that only this process can read them, and no two texts are alike: what a caller gets to hand back must not
 * tell it how many requests others make.
 */
export interface SealedValues {
  seal(values: readonly unknown[]): string
  /** `undefined` for a text that this process did not write. */
  open(text: string): unknown[] | undefined
}

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

export function createSealedValues(): SealedValues {
  const key = randomBytes(32)
  return {
    seal(values) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, key, nonce)
      const sealed = Buffer.concat([cipher.update(JSON.stringify(values)), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },
    open(text) {
      try {
        const bytes = Buffer.from(text, 'base64url')
        const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES))
        decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
        const opened = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES))
        return JSON.parse(`${opened.toString()}${decipher.final('utf8')}`) as unknown[]
      } catch {
        return undefined
      }
    },
  }
}
