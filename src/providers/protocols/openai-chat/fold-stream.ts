import { BrokerError } from '../../../base/errors.ts'
import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'
import type { BodyConsumer } from '../../transport/body-reader.ts'
import { asEvents, documentsIn } from '../../transport/document-reader.ts'
import type { StreamHandler } from '../protocol.ts'

/** Whether a body is server-sent events, whatever its content type says. JSON starts with a brace or a bracket. */
export function looksLikeEvents(text: string): boolean {
  return /^[\s\uFEFF]*(data|event|id|retry|error)?:/.test(text)
}

/** A body that is events, whatever it should be; documents in a list or on lines become events. */
export function eventsOf(body: string): string | undefined {
  if (looksLikeEvents(body)) return body
  const documents = documentsIn(body)
  return documents.length > 0 ? asEvents(documents) : undefined
}

/** What gets the parts of a stream that is folded. */
export type FoldHandler = Pick<StreamHandler, 'onChunk' | 'onFinished' | 'onResumed' | 'onEnd' | 'onError'>

/**
 * A stream as one plain response: some providers respond to a plain request with server-sent events, and bill it. The error
 * when the stream is not complete or reports a failure.
 */
export function foldStream(
  text: string,
  provider: string,
  createReader: (handler: FoldHandler) => BodyConsumer,
): ChatChunk | BrokerError {
  const folded = new FoldedResponse()
  let result: ChatChunk | BrokerError | undefined
  const reader = createReader({
    onChunk: (_json, chunk) => folded.add(chunk),
    onFinished: () => undefined,
    onResumed: () => undefined,
    onEnd: () => void (result = folded.response()),
    onError: (error) => void (result = error),
  })
  reader.data(Buffer.from(text))
  reader.end()
  return result ?? new BrokerError('upstream-failed', `${provider} sent a stream without an end`)
}

interface FoldedChoice {
  message: Record<string, unknown>
  ending: Partial<ChatChoice>
  text: string | undefined
  calls: { id?: unknown; type?: unknown; function: { name?: string; arguments: string } }[]
}

class FoldedResponse {
  #head: ChatChunk = {}
  readonly #choices = new Map<number, FoldedChoice>()

  add({ choices, ...head }: ChatChunk): void {
    this.#head = { ...this.#head, ...withoutNulls(head) }
    for (const choice of choices ?? []) this.#addChoice(choice)
  }

  #addChoice({ index = 0, delta, text, ...ending }: ChatChoice): void {
    const choice = this.#choices.get(index) ?? { message: {}, ending: {}, text: undefined, calls: [] }
    this.#choices.set(index, choice)
    if (typeof text === 'string') choice.text = (choice.text ?? '') + text
    choice.ending = { ...choice.ending, ...withoutNulls(ending) }
    const { tool_calls: pieces, ...fields } = delta ?? {}
    for (const [name, value] of Object.entries(fields)) addField(choice.message, name, value)
    for (const piece of (pieces ?? []) as readonly CallPiece[]) addCall(choice, piece)
  }

  response(): ChatChunk {
    const choices = [...this.#choices].map(([index, { message, ending, text, calls }]) => ({
      index,
      ...ending,
      ...(text === undefined
        ? {
            message: {
              role: 'assistant',
              content: null,
              ...message,
              ...(calls.length === 0 ? {} : { tool_calls: calls }),
            },
          }
        : { text }),
    }))
    const object = this.#head.object === 'chat.completion.chunk' ? 'chat.completion' : this.#head.object
    return { ...this.#head, object, choices }
  }
}

type CallPiece = {
  readonly index?: number
  readonly id?: unknown
  readonly type?: unknown
  readonly function?: { readonly name?: string; readonly arguments?: string }
}

function addCall(choice: FoldedChoice, { index = 0, id, type, function: named }: CallPiece): void {
  const call = (choice.calls[index] ??= { function: { arguments: '' } })
  call.id ??= id
  call.type ??= type
  if (named?.name !== undefined) call.function.name = (call.function.name ?? '') + named.name
  call.function.arguments += named?.arguments ?? ''
}

/** Texts and lists grow from chunk to chunk; a role and everything else is stated anew. */
function addField(message: Record<string, unknown>, name: string, value: unknown): void {
  const before = message[name]
  if (value === null || value === undefined) return
  if (name !== 'role' && typeof value === 'string' && typeof before === 'string')
    message[name] = before + value
  else if (Array.isArray(value) && Array.isArray(before)) message[name] = [...before, ...value]
  else message[name] = value
}

function withoutNulls(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  )
}
