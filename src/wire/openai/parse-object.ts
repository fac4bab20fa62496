import type { ChatChunk } from './chat.ts'
import { isObject } from '../json/json-body.ts'

/** Parses a JSON object; `undefined` for any other text. */
export function parseObject(text: string): ChatChunk | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
