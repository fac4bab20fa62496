import { alibaba } from './alibaba.ts'
import { anthropic } from './anthropic.ts'
import { groq } from './groq.ts'
import { openai } from './openai.ts'
import { openrouter } from './openrouter.ts'
import type { ProviderDefinition } from '../provider.ts'
import { sambanova } from './sambanova.ts'

/** Every provider that needs nothing but a key. The `providers:` section of the models file adds more. */
export const KNOWN_PROVIDERS: readonly ProviderDefinition[] = [
  openai,
  anthropic,
  openrouter,
  groq,
  sambanova,
  alibaba,
]
