import { BodyReader, type BodyConsumer } from './body-reader.ts'

/** Where the parts of a body go that begins as JSON, although a stream of events was requested. */
export interface DocumentParts {
  /** Reads one document: a response that is not streamed. */
  onDocument(text: string): void
  /** Reads events. */
  readonly events: BodyConsumer
}

/**
 * Reads JSON in place of a stream of events: one document, a document on each line (Ollama and gateways to it), or a list of
 * documents (Google without `alt=sse`). Documents on lines are passed on as they come.
 */
export class DocumentReader implements BodyConsumer {
  readonly #parts: DocumentParts
  /** The body as far as it is not known to have its documents on lines. */
  readonly #whole: BodyReader
  #form: 'unknown' | 'document' | 'lines' = 'unknown'

  constructor(parts: DocumentParts) {
    this.#parts = parts
    this.#whole = new BodyReader((text) => this.#onWhole(text))
  }

  data(bytes: Uint8Array): void {
    if (this.#form === 'lines') return this.#parts.events.data(bytes)
    this.#whole.data(bytes)
    if (this.#form === 'document') return
    const text = this.#whole.peek()
    this.#form = formOf(text)
    if (this.#form === 'lines') this.#parts.events.data(Buffer.from(text.trimStart()))
    return undefined
  }

  end(): void {
    if (this.#form === 'lines') this.#parts.events.end()
    else this.#whole.end()
  }

  #onWhole(text: string): void {
    const events = documentsIn(text)
    if (events.length < 2) return this.#parts.onDocument(events[0] ?? text)
    this.#parts.events.data(Buffer.from(asEvents(events)))
    return this.#parts.events.end()
  }
}

/** Longer first lines are not looked at again with each piece. */
const MAX_FIRST_LINE = 1024 * 1024

/** Several documents on lines show themselves by their first line, which is JSON, and something behind it. */
function formOf(text: string): 'unknown' | 'document' | 'lines' {
  const begun = text.trimStart()
  const end = begun.indexOf('\n')
  if (end === -1) return begun.length > MAX_FIRST_LINE ? 'document' : 'unknown'
  const first = begun.slice(0, end).trimEnd()
  // The last character first: most documents on several lines are one, and a text that is no JSON takes long to refuse.
  if (first[0] !== '{' || !first.endsWith('}') || !isJson(first)) return 'document'
  return begun.slice(end).trim() === '' ? 'unknown' : 'lines'
}

/** The documents of a body with more than one, or with one in a list; empty for a body that is one document, or none. */
export function documentsIn(body: string): readonly string[] {
  const text = body.trim()
  if (text[0] === '[') return elementsOf(text)
  return text[0] === '{' && formOf(text) === 'lines'
    ? text.split('\n').filter((line) => line.trim() !== '')
    : []
}

function elementsOf(text: string): readonly string[] {
  const list = parsed(text)
  return Array.isArray(list) ? list.map((element) => JSON.stringify(element)) : []
}

/** Documents as a stream of events. */
export function asEvents(documents: readonly string[]): string {
  return documents.map((document) => `data: ${document}\n\n`).join('')
}

function isJson(text: string): boolean {
  return parsed(text) !== undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
