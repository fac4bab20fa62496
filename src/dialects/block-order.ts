import type { BlockKind, Fields } from './chat-vocabulary.ts'

/** The blocks of an assistant's message in the order that it states, the rest in the usual one: thoughts, texts, calls. */
export function inOrder(
  order: unknown,
  blocks: Readonly<Record<BlockKind, readonly Fields[]>>,
): readonly Fields[] {
  const rest = {
    reasoning: [...blocks.reasoning],
    content: [...blocks.content],
    tool_call: [...blocks.tool_call],
  }
  const kinds: readonly unknown[] = Array.isArray(order) ? order : []
  const taken = kinds.flatMap((kind) => (isKind(kind) ? rest[kind].splice(0, 1) : []))
  return [...taken, ...rest.reasoning, ...rest.content, ...rest.tool_call]
}

function isKind(kind: unknown): kind is BlockKind {
  return kind === 'reasoning' || kind === 'content' || kind === 'tool_call'
}
