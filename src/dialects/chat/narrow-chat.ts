import { isObject } from '../../wire/json/json-body.ts'
import { DIALECT_FIELDS, type Fields } from '../chat-vocabulary.ts'
import { CarriedFields } from '../carried-fields.ts'
import type { ChatAbilities } from './chat-abilities.ts'
import { narrowMessages } from './narrow-messages.ts'

/** Changes of top-level fields, as `spliceFields` takes them, and the names of what was dropped. */
export interface NarrowedChat {
  readonly changes: ReadonlyMap<string, string | undefined>
  readonly dropped: readonly string[] | undefined
}

/**
 * A chat that came from another dialect, reduced to what every provider of chat completions understands. Throws `not-carried`
 * naming what would be lost.
 */
export function narrowChat(value: Fields, abilities: ChatAbilities): NarrowedChat {
  const carried = new CarriedFields()
  carried.leave(value, 'request')
  const changes = new Map<string, string | undefined>([[DIALECT_FIELDS, undefined]])
  changes.set('messages', JSON.stringify(narrowMessages(value['messages'], abilities, carried)))
  const { tools } = value
  if (Array.isArray(tools)) narrowTools(value, narrowToolList(tools, abilities, carried), changes, carried)
  if (!abilities.reasons && value['reasoning'] !== undefined) changes.set('reasoning', undefined)
  // OpenAI's own, which strict servers refuse.
  if (value['verbosity'] !== undefined) changes.set('verbosity', undefined)
  carried.throwIfRefused()
  return { changes, dropped: carried.dropped }
}

function narrowTools(
  { tool_choice: choice }: Fields,
  tools: readonly unknown[],
  changes: Map<string, string | undefined>,
  carried: CarriedFields,
): void {
  changes.set('tools', tools.length === 0 ? undefined : JSON.stringify(tools))
  const isMissing = isObject(choice) && !tools.some((tool) => nameOf(tool) === nameOf(choice))
  if (isMissing) carried.note('refused', 'tool_choice')
  if (tools.length > 0) return
  changes.set('tool_choice', undefined)
  changes.set('parallel_tool_calls', undefined)
}

function nameOf(tool: unknown): unknown {
  return isObject(tool) && isObject(tool['function']) ? tool['function']['name'] : undefined
}

function narrowToolList(
  tools: readonly unknown[],
  { takesCacheMarks }: ChatAbilities,
  carried: CarriedFields,
): readonly unknown[] {
  return tools.flatMap((tool: unknown) => {
    if (!isObject(tool)) return [tool]
    if (tool['type'] === 'dialect_tool') {
      carried.leaveBlock(tool)
      return []
    }
    carried.leave(tool, 'tool')
    const { [DIALECT_FIELDS]: _fields, cache_control, ...rest } = tool
    return [takesCacheMarks && cache_control !== undefined ? { ...rest, cache_control } : rest]
  })
}
