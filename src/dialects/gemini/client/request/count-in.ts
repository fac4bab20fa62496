import { isObject, jsonBodyOf, type JsonBody } from '../../../../wire/json/json-body.ts'
import { camelNames } from '../../camel-names.ts'
import { readChat } from './request-in.ts'

/** A request of `countTokens` as the chat whose prompt is counted; `generateContentRequest` is a whole request. */
export function readCounted(body: JsonBody, model: string): JsonBody {
  const { generateContentRequest: whole } = camelNames(body.value)
  return readChat({ body: isObject(whole) ? jsonBodyOf(JSON.stringify(whole)) : body, model, stream: false })
}
