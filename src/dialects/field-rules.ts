import { ANTHROPIC_RULES } from './anthropic/field-rules.ts'
import type { DialectName } from './chat-vocabulary.ts'
import type { FieldRules } from './field-rule.ts'
import { GEMINI_RULES } from './gemini/field-rules.ts'
import { RESPONSES_RULES } from './responses/field-rules.ts'

/** The rules of every dialect; a new dialect adds its line. */
export const FIELD_RULES: Readonly<Record<DialectName, FieldRules>> = {
  anthropic: ANTHROPIC_RULES,
  gemini: GEMINI_RULES,
  responses: RESPONSES_RULES,
}
