import type { FieldRules } from '../field-rule.ts'

/** What becomes of Gemini's own fields, parts and tools at a provider of another dialect. */
export const GEMINI_RULES: FieldRules = {
  fields: {
    // In the vocabulary as `reasoning`, `response_format` and `tool_choice`.
    'generationConfig.thinkingConfig': 'mapped',
    'generationConfig.responseMimeType': 'mapped',
    'generationConfig.responseSchema': 'mapped',
    'generationConfig.responseJsonSchema': 'mapped',
    toolConfig: 'mapped',
    'message.role': 'mapped',
    'message.isJoined': 'mapped',
    'message.part': 'mapped',
    'part.fileData': 'mapped',
    'tool.parameters': 'mapped',
    'tool.parametersJsonSchema': 'mapped',
    // They change what the response is, or what it is made from.
    cachedContent: 'refused',
    continuationToken: 'refused',
    'generationConfig.responseModalities': 'refused',
    'generationConfig.speechConfig': 'refused',
    'generationConfig.imageConfig': 'refused',
  },
  blocks: {
    fileData: 'refused',
  },
}
