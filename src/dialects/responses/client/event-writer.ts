import type { Fields } from '../../chat-vocabulary.ts'

/** Writes the events of one response, numbered from 0. */
export class EventWriter {
  #next = 0

  write(type: string, fields: Fields): string {
    const data = { ...fields, type, sequence_number: this.#next++ }
    return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
  }
}
