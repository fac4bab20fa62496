import type { ChatChunk } from '../../../sdk/index.ts'

/** What a model wants done before it goes on. A type, not an interface: it has to fit where any further field may be. */
export type ToolCall = {
  readonly id: string
  readonly type: 'function'
  readonly function: {
    readonly name: string
    /** JSON, as the model wrote it: it may be none. */
    readonly arguments: string
  }
}

type Piece = NonNullable<ChatChunk['choices'][number]['delta']['tool_calls']>[number]

/** Puts the calls of a streamed answer together from their pieces. */
export class CallReader {
  readonly #calls: { id: string; name: string; text: string }[] = []

  take(pieces: readonly Piece[] | null | undefined): void {
    for (const { index, id, function: part } of pieces ?? []) {
      const call = (this.#calls[index ?? this.#calls.length] ??= { id: '', name: '', text: '' })
      call.id ||= id ?? ''
      call.name ||= part?.name ?? ''
      call.text += part?.arguments ?? ''
    }
  }

  /** Every call that has a name; the rest can't be answered. */
  whole(): readonly ToolCall[] {
    return this.#calls
      .filter(({ name }) => name !== '')
      .map(({ id, name, text }, at) => ({
        id: id === '' ? `call_${at}` : id,
        type: 'function',
        function: { name, arguments: text },
      }))
  }
}
