/** What a client and a provider's protocol do together; `docs/conformance.md` has a column for each. */
export const FEATURES = [
  'plain',
  'stream',
  'tools',
  'parallel tools',
  'thinking',
  'images',
  'JSON schema',
  'abort',
  'errors',
] as const
export type Feature = (typeof FEATURES)[number]

export interface ConformanceRow {
  /** An SDK, an agent, or a script of requests. */
  readonly client: string
  /** The dialect that it speaks. */
  readonly dialect: 'Chat completions' | 'Messages' | 'Responses' | 'Gemini'
  /** How the broker speaks to the provider. */
  readonly protocol: 'openai-chat' | 'anthropic' | 'responses' | 'gemini'
  /** A program or a model that must be installed; without it the tests are skipped. */
  readonly needs?: string
  /** File below `test/`. */
  readonly file: string
  /** The test that covers a feature, by its name in the file. */
  readonly tests: Readonly<Partial<Record<Feature, string>>>
}

/** What tests show, by real clients; a feature that is absent has no test of its own. */
export const CONFORMANCE: readonly ConformanceRow[] = [
  {
    client: '@anthropic-ai/sdk 1',
    dialect: 'Messages',
    protocol: 'openai-chat',
    file: 'daemon/messages.test.ts',
    tests: {
      plain: 'a plain request gets a message with the usage in Anthropic’s arithmetic',
      stream: 'a stream has the events that Anthropic’s client needs',
      tools: 'a tool call comes as JSON in deltas and ends with tool_use, although the provider said stop',
      errors: 'a provider without capacity is an overloaded_error with status 529',
    },
  },
  {
    client: '@anthropic-ai/sdk 1',
    dialect: 'Messages',
    protocol: 'anthropic',
    file: 'daemon/anthropic-provider.test.ts',
    tests: {
      thinking: 'seals a signature for its caller and opens it when it comes back',
      stream: 'seals a signature for its caller and opens it when it comes back',
      errors: 'a stream that breaks off before its end is no whole message',
    },
  },
  {
    client: 'requests by script',
    dialect: 'Messages',
    protocol: 'anthropic',
    file: 'daemon/anthropic-provider.test.ts',
    tests: { plain: 'passes a request of its own dialect on as it is, but for the name of the model' },
  },
  {
    client: '@anthropic-ai/sdk 1',
    dialect: 'Messages',
    protocol: 'responses',
    file: 'daemon/responses-provider.test.ts',
    tests: { thinking: 'an encrypted thought goes through Anthropic’s client and comes back to its maker' },
  },
  {
    client: '@anthropic-ai/sdk 1',
    dialect: 'Messages',
    protocol: 'gemini',
    file: 'daemon/gemini-provider.test.ts',
    tests: {
      thinking: 'a signature goes through Anthropic’s client and back to the call that it was made for',
      tools: 'a signature goes through Anthropic’s client and back to the call that it was made for',
    },
  },
  {
    client: 'openai (JavaScript)',
    dialect: 'Responses',
    protocol: 'openai-chat',
    file: 'daemon/responses.test.ts',
    tests: {
      plain: 'a plain request gets a response with its usage, under the id of the request',
      stream: 'a stream has all the events of a message, numbered from 0',
      tools: 'results of tools follow their calls, and a custom tool is a function with one text',
      'parallel tools': 'parallel calls whose pieces come in turns are whole items behind the text',
      errors: 'a prompt that is too long is a 400 with the code that agents compact at',
    },
  },
  {
    client: 'openai (JavaScript)',
    dialect: 'Responses',
    protocol: 'responses',
    file: 'daemon/responses-provider.test.ts',
    tests: {
      stream: 'passes its events on, sealed and under our ids, to a client of its own dialect',
      thinking: 'passes its events on, sealed and under our ids, to a client of its own dialect',
    },
  },
  {
    client: '@google/genai 3',
    dialect: 'Gemini',
    protocol: 'openai-chat',
    file: 'daemon/gemini.test.ts',
    tests: {
      plain: 'gets a plain response with the usage in Google’s arithmetic',
      stream: 'reads a stream to its end',
      'parallel tools': 'gets parallel calls whole, in order, and sends their results back',
      tools: 'gets parallel calls whole, in order, and sends their results back',
      errors: 'reads an error with its code, and one in a broken stream',
    },
  },
  {
    client: '@google/genai 1',
    dialect: 'Gemini',
    protocol: 'openai-chat',
    file: 'daemon/gemini.test.ts',
    tests: {
      plain: 'gets a plain response with the usage in Google’s arithmetic',
      stream: 'reads a stream to its end',
      'parallel tools': 'gets parallel calls whole, in order, and sends their results back',
      tools: 'gets parallel calls whole, in order, and sends their results back',
      errors: 'reads an error with its code, and one in a broken stream',
    },
  },
  {
    client: '@google/genai 3',
    dialect: 'Gemini',
    protocol: 'gemini',
    file: 'daemon/gemini-provider.test.ts',
    tests: { thinking: 'a client of Google’s sends its signatures back, and they are opened' },
  },
  {
    client: 'openai (JavaScript)',
    dialect: 'Chat completions',
    protocol: 'openai-chat',
    file: 'daemon/chat.test.ts',
    tests: {
      errors: 'a busy provider’s 429 is passed on with its retry-after',
      abort:
        'a caller that disconnects mid-stream stops the provider at once and is charged for the generated text',
    },
  },
  {
    client: 'openai (JavaScript)',
    dialect: 'Chat completions',
    protocol: 'anthropic',
    file: 'daemon/anthropic-provider.test.ts',
    tests: {
      plain: 'serves a chat, priced with its cache reads and writes by their time to live',
      stream: 'streams thoughts, text and a tool call to a client of chat completions',
      tools: 'streams thoughts, text and a tool call to a client of chat completions',
      thinking: 'streams thoughts, text and a tool call to a client of chat completions',
    },
  },
  {
    client: 'openai (JavaScript)',
    dialect: 'Chat completions',
    protocol: 'responses',
    file: 'daemon/responses-provider.test.ts',
    tests: {
      plain: 'serves a chat, and keeps no state of it',
      stream: 'streams the call of a tool to a client of chats',
      tools: 'streams the call of a tool to a client of chats',
    },
  },
  {
    client: 'openai (JavaScript)',
    dialect: 'Chat completions',
    protocol: 'gemini',
    file: 'daemon/gemini-provider.test.ts',
    tests: {
      plain: 'serves a chat, with thoughts in the completion and cached tokens at their price',
      stream: 'streams thoughts, text and parallel calls without ids to a client of chat completions',
      tools: 'streams thoughts, text and parallel calls without ids to a client of chat completions',
      'parallel tools':
        'streams thoughts, text and parallel calls without ids to a client of chat completions',
      thinking: 'streams thoughts, text and parallel calls without ids to a client of chat completions',
      errors: 'a stream that breaks off ends in an error',
    },
  },
  {
    client: 'Claude Code',
    dialect: 'Messages',
    protocol: 'openai-chat',
    needs: 'CLAUDE_CODE_PATH',
    file: 'daemon/claude-code.test.ts',
    tests: {
      stream: 'Claude Code writes a file with a model of a provider of chat completions',
      tools: 'Claude Code writes a file with a model of a provider of chat completions',
    },
  },
  {
    client: 'Codex',
    dialect: 'Responses',
    protocol: 'openai-chat',
    needs: 'CODEX_PATH',
    file: 'daemon/codex.test.ts',
    tests: {
      stream: 'Codex writes a file with %s at a provider of chat completions',
      tools: 'Codex writes a file with %s at a provider of chat completions',
    },
  },
  {
    client: 'Gemini CLI',
    dialect: 'Gemini',
    protocol: 'openai-chat',
    needs: 'GEMINI_CLI_PATH',
    file: 'daemon/gemini-cli.test.ts',
    tests: {
      stream: 'Gemini CLI writes a file with a model of a provider of chat completions',
      tools: 'Gemini CLI writes a file with a model of a provider of chat completions',
    },
  },
]
