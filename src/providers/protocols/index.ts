import type { ProtocolName, ProviderDefinition } from '../provider.ts'
import { anthropic } from './anthropic.ts'
import { gemini } from './gemini.ts'
import { openAiChat } from './openai-chat/openai-chat.ts'
import type { ProviderProtocol } from './protocol.ts'
import { responses } from './responses.ts'

/** Every protocol that providers speak; a new one is a file, its name in `ProtocolName`, and its line here. */
const PROTOCOLS: Readonly<Record<ProtocolName, ProviderProtocol>> = {
  'openai-chat': openAiChat,
  anthropic,
  gemini,
  responses,
}

/** The protocol that a provider speaks. */
export function protocolOf({ protocol = 'openai-chat' }: ProviderDefinition): ProviderProtocol {
  return PROTOCOLS[protocol]
}
