import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { fileFault, readRegularFile } from '../files/read-file.ts'

/** The key is 64 hexadecimal digits. */
const MAX_KEY_FILE_BYTES = 1024

/** What is known about a token, without the token itself. Times are unix seconds. */
export interface TokenInfo {
  readonly id: string
  readonly label: string
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly isDisabled: boolean
}

/** A token as it is stored: its hash instead of the token itself. */
export interface StoredToken {
  readonly info: TokenInfo
  /** Keyed hash of the token, in base64. */
  readonly hash: string
}

/** Finds the tokens that callers send, by their hashes. */
export class TokenTable {
  readonly #key: Buffer
  readonly #clock: Clock
  readonly #byHash = new Map<string, StoredToken>()

  /** @param keyPath file of the key that tokens are hashed with; created when it is missing, readable by its owner alone. */
  constructor(keyPath: string, clock: Clock) {
    this.#key = readOrCreateKey(keyPath)
    this.#clock = clock
  }

  all(): readonly StoredToken[] {
    return [...this.#byHash.values()]
  }

  put(stored: StoredToken): void {
    this.#byHash.set(stored.hash, stored)
  }

  /** False when it was not in the table. */
  delete({ hash }: StoredToken): boolean {
    return this.#byHash.delete(hash)
  }

  /** Replaces the whole content. */
  replace(all: readonly StoredToken[]): void {
    this.#byHash.clear()
    for (const stored of all) this.put(stored)
  }

  /** Finds a token. Throws `unauthorized` when it is unknown, disabled or expired. */
  find(token: string): TokenInfo {
    const hash = this.hashOf(token)
    const stored = this.#byHash.get(hash)
    if (stored === undefined || !timingSafeEqual(Buffer.from(hash), Buffer.from(stored.hash)))
      throw refused('is not known here')
    const { info } = stored
    if (info.isDisabled) throw refused('is disabled')
    if (info.expiresAt !== undefined && info.expiresAt * 1000 <= this.#clock.now())
      throw refused('has expired')
    return info
  }

  hashOf(token: string): string {
    return createHmac('sha256', this.#key).update(token).digest('base64')
  }
}

function readOrCreateKey(path: string): Buffer {
  try {
    writeFileSync(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const text = readKeyFile(path).trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  const help = 'restore it from a backup, or remove it and issue new tokens'
  throw new BrokerError(
    'cannot-start',
    `${path} is not the key of API tokens that was written there; ${help}`,
  )
}

function readKeyFile(path: string): string {
  try {
    return readRegularFile(path, MAX_KEY_FILE_BYTES)
  } catch (cause) {
    throw new BrokerError('cannot-start', `${path} can’t be read: ${fileFault(cause)}`, { cause })
  }
}

function refused(why: string): BrokerError {
  return new BrokerError('unauthorized', `this token ${why}`)
}
