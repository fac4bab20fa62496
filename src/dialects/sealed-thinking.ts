import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * What a model's vendor encrypted or signed is accepted by no other vendor: it belongs to one model and one account. Before a
 * caller gets it, it is sealed with the key that it came from; when the caller sends it back, only the holder of that key can
 * open the seal, so that it goes back to its maker and to no one else. Nothing has to be remembered between the two, no name
 * is disclosed, and a caller cannot make a seal of its own.
 */
const MARK = 'aib1.'
/** 96 bits, as base64url. */
const MAC_LENGTH = 16
const SEALED = /^aib1\.[\w-]{16}\./

/** Who made a piece of opaque thinking. */
export interface ThinkingMaker {
  /** The secret text of the key that the request was sent with; empty where the provider needs none. */
  readonly key: string
  /** The provider's id. */
  readonly provider: string
  /** The provider's own name for the model. */
  readonly modelId: string
}

/** Opaque thinking as the caller gets it. */
export function sealThinking(blob: string, maker: ThinkingMaker): string {
  return `${MARK}${macOf(blob, maker)}.${blob}`
}

/** What was sealed, for its maker; `undefined` for anyone else, and for what has no seal of ours. */
export function openThinking(sealed: string, maker: ThinkingMaker): string | undefined {
  if (!isSealed(sealed)) return undefined
  const blob = sealed.slice(MARK.length + MAC_LENGTH + 1)
  const given = Buffer.from(sealed.slice(MARK.length, MARK.length + MAC_LENGTH))
  return timingSafeEqual(given, Buffer.from(macOf(blob, maker))) ? blob : undefined
}

export function isSealed(text: string): boolean {
  return SEALED.test(text)
}

/** Whether a text may have a seal somewhere, by a quick look. */
export function mayHaveSeal(text: string): boolean {
  return text.includes(MARK)
}

/** The last seal in the JSON of a request: its conversation goes on where that was made. */
export function lastSealIn(json: string): string | undefined {
  const from = json.lastIndexOf(MARK)
  if (from < 0) return undefined
  const to = json.indexOf('"', from)
  const sealed = json.slice(from, to < 0 ? undefined : to)
  return isSealed(sealed) ? sealed : undefined
}

function macOf(blob: string, { key, provider, modelId }: ThinkingMaker): string {
  const mac = createHmac('sha256', `thinking\0${key}`)
  return mac.update(`${provider}\0${modelId}\0${blob}`).digest('base64url').slice(0, MAC_LENGTH)
}
