import { BrokerError } from '../../../../base/errors.ts'
import type { JsonBody } from '../../../../wire/json/json-body.ts'
import { chatBodyOf, restAs } from '../../../chat-vocabulary.ts'
import type { DialectRequest } from '../../../client-dialect.ts'
import { camelNames } from '../../camel-names.ts'
import { calledMethod } from '../../method.ts'
import { readContents } from './contents-in.ts'
import { readGeneration } from './generation-in.ts'
import { invalid } from '../invalid.ts'
import { readTools, restrictsTools, toolChoiceOf } from './tools-in.ts'

/** Fields that the vocabulary has a place for, or that are in the path; the others stay under `dialect_fields`. */
const MAPPED = new Set(['model', 'contents', 'systemInstruction', 'generationConfig', 'tools'])
const METHODS = new Set(['generateContent', 'streamGenerateContent'])

/** A request of `generateContent` or `streamGenerateContent` as a chat. Throws `bad-request` naming the field. */
export function readRequest({ body, url }: DialectRequest): JsonBody {
  const { model, method } = calledMethod(url)
  if (!METHODS.has(method)) throw unknownMethod(method)
  return readChat({ body, model, stream: method === 'streamGenerateContent' })
}

/** The fields of a request as a chat. */
export function readChat({
  body,
  model,
  stream,
}: {
  readonly body: JsonBody
  readonly model: string
  readonly stream: boolean
}): JsonBody {
  const value = camelNames(body.value)
  const { contents, systemInstruction, toolConfig } = value
  if (contents === undefined || contents === null || (Array.isArray(contents) && contents.length === 0))
    throw invalid('contents', 'at least one content is required')
  const { chat, own } = readGeneration(value['generationConfig'])
  const rest = { ...value, ...own, ...(restrictsTools(toolConfig) ? { allowedFunctionNames: true } : {}) }
  const request = {
    model,
    messages: readContents(systemInstruction, contents),
    ...(stream ? { stream } : {}),
    ...chat,
    ...readTools(value['tools']),
    ...toolChoiceOf(toolConfig),
    ...restAs('gemini', rest, MAPPED),
  }
  return chatBodyOf(request, { dialect: 'gemini', body })
}

/** An error for a method of Google's API that is not served. */
export function unknownMethod(method: string): BrokerError {
  return new BrokerError(
    'not-found',
    `the method “${method.slice(0, 60)}” is not served; generateContent, streamGenerateContent, countTokens, embedContent and batchEmbedContents are`,
  )
}
