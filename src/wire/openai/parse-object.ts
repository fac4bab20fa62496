import type { ChatChunk } from './chat.ts'
import { isObject } from '../json/json-body.ts'

/** A JSON object, or `undefined` for whatever else the text may be. */
export function parseObject(text: string): ChatChunk | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
