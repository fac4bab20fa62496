import type { ChatChunk } from '../../wire/chat.ts'

/** A JSON object, or `undefined` for whatever else the text may be. */
export function parseObject(text: string): ChatChunk | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
