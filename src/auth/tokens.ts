import type { Clock } from '../base/clock.ts'
import { BrokerError } from '../base/errors.ts'
import { randomLetters } from '../base/ids.ts'
import { Secret } from '../base/secret.ts'
import { truncate } from '../base/text.ts'
import type { Row } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { TokenTable, type StoredToken, type TokenInfo } from './token-table.ts'

/** The tokens that callers may send. A token is returned once, when it is created or rotated; only a keyed hash of it is stored. */
export interface Tokens {
  list(): readonly TokenInfo[]
  create(options: {
    readonly label: string
    readonly expiresAt?: number | undefined
  }): Promise<{ readonly info: TokenInfo; readonly token: Secret }>
  /** Throws `not-found`. */
  setDisabled(id: string, isDisabled: boolean): Promise<TokenInfo>
  /**
   * Changes the label or the end of a token; a field that is absent stays, and `expiresAt: null` means that it never ends.
   * Throws `not-found`.
   */
  update(
    id: string,
    changes: { readonly label?: string | undefined; readonly expiresAt?: number | null | undefined },
  ): Promise<TokenInfo>
  /** Replaces the secret and keeps everything else; the old secret is refused at once. Throws `not-found`. */
  rotate(id: string): Promise<{ readonly info: TokenInfo; readonly token: Secret }>
  /** False when there is no such token. */
  remove(id: string): Promise<boolean>
  /** Finds a token. Throws `unauthorized` when it is unknown, disabled or expired. */
  find(token: string): TokenInfo
  /** For another process that has to find them too. */
  stored(): readonly StoredToken[]
}

/** The prefix of every token of ours. A bearer with another one is foreign, such as the dummy key of an OpenAI client. */
export const TOKEN_PREFIX = 'hb-'

const ID_PREFIX = 'tok-'
const LETTERS = 43

/** Whether a bearer's id is that of a token of ours, rather than of a JWT's bearer or of the admin token. */
export function isTokenId(id: string): boolean {
  return id.startsWith(ID_PREFIX)
}

export interface TokensParts {
  /** `apikeys.db` */
  readonly store: Store
  /** File of the key that tokens are hashed with; created when it is missing, readable by its owner alone. */
  readonly keyPath: string
  readonly clock: Clock
}

export function openTokens(parts: TokensParts): Tokens {
  return new StoredTokens(parts)
}

class StoredTokens implements Tokens {
  readonly #parts: TokensParts
  readonly #table: TokenTable
  readonly #insert
  readonly #disable
  readonly #delete
  readonly #update
  readonly #rotate

  constructor(parts: TokensParts) {
    const { store, keyPath } = parts
    this.#parts = parts
    this.#table = new TokenTable(keyPath, parts.clock)
    this.#insert = store.prepare(
      'INSERT INTO api_keys (id, label, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
    )
    this.#disable = store.prepare('UPDATE api_keys SET disabled = ? WHERE id = ?')
    this.#update = store.prepare(
      'UPDATE api_keys SET label = coalesce(?, label), expires_at = CASE WHEN ? THEN ? ELSE expires_at END WHERE id = ?',
    )
    this.#rotate = store.prepare('UPDATE api_keys SET hash = ? WHERE id = ?')
    this.#delete = store.prepare('DELETE FROM api_keys WHERE id = ?')
    for (const row of store.prepare('SELECT * FROM api_keys ORDER BY created_at, id').all()) this.#load(row)
  }

  list(): readonly TokenInfo[] {
    return this.#table.all().map(({ info }) => info)
  }

  async create({ label, expiresAt }: { label: string; expiresAt?: number | undefined }) {
    const token = newToken()
    const createdAt = Math.floor(this.#parts.clock.now() / 1000)
    const info = { id: `${ID_PREFIX}${randomLetters(12)}`, label, createdAt, expiresAt, isDisabled: false }
    const hash = this.#table.hashOf(token.reveal())
    await this.#parts.store.write(() => this.#insert.run(info.id, label, hash, createdAt, expiresAt ?? null))
    this.#table.put({ info, hash })
    return { info, token }
  }

  async setDisabled(id: string, isDisabled: boolean): Promise<TokenInfo> {
    this.#require(id)
    await this.#parts.store.write(() => this.#disable.run(isDisabled ? 1 : 0, id))
    // It may have been deleted during the write.
    const stored = this.#require(id)
    const info = { ...stored.info, isDisabled }
    this.#table.put({ ...stored, info })
    return info
  }

  async update(
    id: string,
    changes: { readonly label?: string | undefined; readonly expiresAt?: number | null | undefined },
  ): Promise<TokenInfo> {
    const { label, expiresAt } = changes
    this.#require(id)
    await this.#parts.store.write(() =>
      this.#update.run(label ?? null, expiresAt === undefined ? 0 : 1, expiresAt ?? null, id),
    )
    const stored = this.#require(id)
    const info = {
      ...stored.info,
      label: label ?? stored.info.label,
      expiresAt: expiresAt === undefined ? stored.info.expiresAt : (expiresAt ?? undefined),
    }
    this.#table.put({ ...stored, info })
    return info
  }

  async rotate(id: string): Promise<{ readonly info: TokenInfo; readonly token: Secret }> {
    this.#require(id)
    const token = newToken()
    const hash = this.#table.hashOf(token.reveal())
    await this.#parts.store.write(() => this.#rotate.run(hash, id))
    const stored = this.#require(id)
    this.#table.delete(stored)
    this.#table.put({ info: stored.info, hash })
    return { info: stored.info, token }
  }

  async remove(id: string): Promise<boolean> {
    await this.#parts.store.write(() => this.#delete.run(id))
    const stored = this.#findById(id)
    return stored !== undefined && this.#table.delete(stored)
  }

  find(token: string): TokenInfo {
    return this.#table.find(token)
  }

  stored(): readonly StoredToken[] {
    return this.#table.all()
  }

  #load(row: Row): void {
    const expiresAt = row['expires_at'] === null ? undefined : Number(row['expires_at'])
    const info = {
      id: String(row['id']),
      label: String(row['label']),
      createdAt: Number(row['created_at']),
      expiresAt,
      isDisabled: Number(row['disabled']) === 1,
    }
    this.#table.put({ info, hash: String(row['hash']) })
  }

  #require(id: string): StoredToken {
    const stored = this.#findById(id)
    if (stored === undefined) throw new BrokerError('not-found', `there is no token “${truncate(id)}”`)
    return stored
  }

  #findById(id: string): StoredToken | undefined {
    return this.#table.all().find(({ info }) => info.id === id)
  }
}

function newToken(): Secret {
  return new Secret(`${TOKEN_PREFIX}${randomLetters(LETTERS)}`)
}
