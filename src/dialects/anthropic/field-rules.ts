import type { FieldRules } from '../field-rule.ts'

/** What becomes of Anthropic's own fields and blocks at a provider of another dialect. */
export const ANTHROPIC_RULES: FieldRules = {
  fields: {
    // In the vocabulary as `reasoning` and `response_format`.
    thinking: 'mapped',
    output_config: 'mapped',
    metadata: 'mapped',
    'message.is_turn': 'mapped',
    'part.document': 'mapped',
    'tool.type': 'mapped',
    'tool.eager_input_streaming': 'mapped',
    // They change where the request runs, what it can reach, or which state it has.
    container: 'refused',
    inference_geo: 'refused',
    mcp_servers: 'refused',
    thread: 'refused',
  },
  blocks: {
    // The first line of Claude Code's system prompt: text for Anthropic's accounting alone.
    text: 'mapped',
    // Written as text by `narrowChat`.
    tool_reference: 'mapped',
    search_result: 'mapped',
    container_upload: 'refused',
    image: 'refused',
    document: 'refused',
    mcp_toolset: 'refused',
  },
}
