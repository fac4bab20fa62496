import type { ChatChunk } from '../../../sdk/index.ts'

/** A tool call of the model. A type, not an interface: only a type is assignable to a record with an index signature. */
export type ToolCall = {
  readonly id: string
  readonly type: 'function'
  readonly function: {
    readonly name: string
    /** JSON as the model wrote it; it may be invalid. */
    readonly arguments: string
  }
}

type Piece = NonNullable<ChatChunk['choices'][number]['delta']['tool_calls']>[number]

/** Joins the tool calls of a streamed response from their pieces. */
export class ToolCallReader {
  readonly #calls: { id: string; name: string; text: string }[] = []

  add(pieces: readonly Piece[] | null | undefined): void {
    for (const { index, id, function: part } of pieces ?? []) {
      const call = (this.#calls[index ?? this.#calls.length] ??= { id: '', name: '', text: '' })
      call.id ||= id ?? ''
      call.name ||= part?.name ?? ''
      call.text += part?.arguments ?? ''
    }
  }

  /** All calls that have a name; a call without one cannot be run. */
  complete(): readonly ToolCall[] {
    return this.#calls
      .filter(({ name }) => name !== '')
      .map(({ id, name, text }, at) => ({
        id: id === '' ? `call_${at}` : id,
        type: 'function',
        function: { name, arguments: text },
      }))
  }
}
