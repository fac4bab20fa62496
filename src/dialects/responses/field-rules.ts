import type { FieldRules } from '../field-rule.ts'

/** What becomes of the Responses API's own fields and items at a provider of another dialect. */
export const RESPONSES_RULES: FieldRules = {
  fields: {
    // In the vocabulary as `reasoning`, `response_format`, `verbosity` and `user`.
    reasoning: 'mapped',
    text: 'mapped',
    user: 'mapped',
    safety_identifier: 'mapped',
    // The broker's own part: it keeps responses, and repeats these fields in them.
    background: 'mapped',
    client_metadata: 'mapped',
    include: 'mapped',
    max_tool_calls: 'mapped',
    named_choice: 'mapped',
    metadata: 'mapped',
    previous_response_id: 'mapped',
    prompt_cache_key: 'mapped',
    store: 'mapped',
    stream_options: 'mapped',
    truncation: 'mapped',
    // How an item was written that is a message, a part, a tool or a call in the vocabulary.
    'message.id': 'mapped',
    'message.is_custom': 'mapped',
    'message.is_item': 'mapped',
    'message.is_instructions': 'mapped',
    'message.is_string': 'mapped',
    'message.phase': 'mapped',
    'message.role': 'mapped',
    'message.status': 'mapped',
    'message.type': 'mapped',
    'part.annotations': 'mapped',
    'part.is_refusal': 'mapped',
    'part.is_url': 'mapped',
    'part.item': 'mapped',
    'part.logprobs': 'mapped',
    'part.type': 'mapped',
    'tool.allowed_callers': 'mapped',
    'tool.defer_loading': 'mapped',
    'tool.is_custom': 'mapped',
    'tool.is_lifted': 'mapped',
    'tool.name': 'mapped',
    'tool.namespace': 'mapped',
    'tool.original': 'mapped',
    // They change what the model sees, or which state it has.
    conversation: 'refused',
    prompt: 'refused',
    tool_choice: 'refused',
    top_logprobs: 'refused',
  },
  blocks: {
    // Their tools are in the list of tools.
    additional_tools: 'mapped',
    namespace: 'mapped',
    compaction: 'refused',
    input_file: 'refused',
    input_image: 'refused',
    item_reference: 'refused',
  },
}
