import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { BrokerError } from '../../base/errors.ts'
import { parseUsd, usdText } from '../../base/money.ts'
import type { LedgerHead } from './ledger-head.ts'

/** A head of the ledger to be kept outside, signed. A JSON object of one line, the same in a file and on the wire. */
export interface Anchor {
  readonly version: 1
  readonly seq: number
  readonly digest: string
  readonly requests: number
  readonly cost_usd: string
  readonly uncertain_usd: string
  /** Unix seconds. */
  readonly taken_at: number
  /** Ed25519, as SPKI in base64. */
  readonly public_key: string
  readonly signature: string
}

/** The file of the key, beside `requests.db`. */
export const SIGNING_KEY_FILE = 'ledger.key'

/** Signs a head with the key in `keyPath`; the key is created when it is missing, readable by its owner alone. */
export function signAnchor(head: LedgerHead, keyPath: string, takenAt: number): Anchor {
  const key = readOrCreateKey(keyPath)
  const unsigned = {
    version: 1,
    seq: head.seq,
    digest: head.digest,
    requests: head.requests,
    cost_usd: usdText(head.cost),
    uncertain_usd: usdText(head.uncertain),
    taken_at: takenAt,
    public_key: publicKeyOf(key),
  } as const
  return { ...unsigned, signature: sign(null, signedText(unsigned), key).toString('base64') }
}

/**
 * The head in an anchor, once its signature is checked. Throws `bad-request` when the anchor was changed, or when its key is
 * not the one in `keyPath`. Without that file the anchor is as good as the place where it was kept.
 */
export function readAnchor(anchor: Anchor, keyPath: string): LedgerHead {
  if (!isSigned(anchor))
    throw new BrokerError('bad-request', 'the anchor is not as it was signed: it was changed')
  const own = readKey(keyPath)
  if (own !== undefined && publicKeyOf(own) !== anchor.public_key)
    throw new BrokerError(
      'bad-request',
      `the anchor was signed by another broker: its key is not that of ${keyPath}`,
    )
  return {
    seq: anchor.seq,
    digest: anchor.digest,
    requests: anchor.requests,
    cost: parseUsd(anchor.cost_usd),
    uncertain: parseUsd(anchor.uncertain_usd),
  }
}

function isSigned(anchor: Anchor): boolean {
  try {
    const key = createPublicKey({
      key: Buffer.from(anchor.public_key, 'base64'),
      format: 'der',
      type: 'spki',
    })
    if (key.asymmetricKeyType !== 'ed25519') return false
    return verify(null, signedText(anchor), key, Buffer.from(anchor.signature, 'base64'))
  } catch {
    return false
  }
}

function signedText(anchor: Omit<Anchor, 'signature'>): Buffer {
  const {
    version,
    seq,
    digest,
    requests,
    cost_usd: cost,
    uncertain_usd: uncertain,
    taken_at: takenAt,
  } = anchor
  return Buffer.from(
    JSON.stringify(['hero_aibroker ledger', version, seq, digest, requests, cost, uncertain, takenAt]),
  )
}

function publicKeyOf(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64')
}

function readOrCreateKey(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519')
  try {
    writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), { flag: 'wx', mode: 0o600 })
    return privateKey
  } catch (error) {
    const own = readKey(path)
    if (own === undefined) throw error
    return own
  }
}

function readKey(path: string): KeyObject | undefined {
  let pem: string
  try {
    pem = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new BrokerError(
      'internal',
      `${path} is not the key that signs anchors: restore it, or remove it to get a new one`,
      { cause },
    )
  }
}
