import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anthropicMessages } from '../../src/dialects/anthropic/anthropic.ts'
import { writeRequest as writeMessages } from '../../src/dialects/anthropic/provider/request-out.ts'
import { writeRequest as writeGemini } from '../../src/dialects/gemini/provider/request-out.ts'
import { narrowChat } from '../../src/dialects/chat/narrow-chat.ts'
import type { ClientDialect } from '../../src/dialects/client-dialect.ts'
import { writeRequest as writeResponses } from '../../src/dialects/responses/provider/request-out.ts'
import { openAiResponses } from '../../src/dialects/responses/responses.ts'
import { parseJsonBody, type JsonBody } from '../../src/wire/json/json-body.ts'
import { spliceFields } from '../../src/wire/json/splice-fields.ts'

type Body = Readonly<Record<string, unknown>>

const FOLDER = join(import.meta.dirname, '..', 'golden', 'dialects')
const PNG = 'data:image/png;base64,iVBORw0='
const schema = { type: 'object', properties: { city: { type: 'string' } } }
const hi = { role: 'user', content: 'hi' }
const SEALED = 'aib1.0123456789abcdef.blob'

/** One feature of the Responses API each. */
const RESPONSES: Readonly<Record<string, Body>> = {
  plain: { input: 'hi', instructions: 'be brief', max_output_tokens: 100, temperature: 1.5, user: 'someone' },
  codex: {
    input: [
      {
        type: 'additional_tools',
        id: 'at_1',
        role: 'developer',
        tools: [
          {
            type: 'namespace',
            name: 'functions',
            tools: [
              {
                type: 'custom',
                name: 'exec',
                description: 'Runs JavaScript',
                format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' },
              },
            ],
          },
          {
            type: 'namespace',
            name: 'collaboration',
            tools: [{ type: 'function', name: 'ask', parameters: schema, strict: false }],
          },
        ],
      },
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'be careful' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
      { type: 'reasoning', id: 'rs_1', summary: [], content: null, encrypted_content: SEALED },
      { type: 'custom_tool_call', call_id: 'c1', name: 'exec', namespace: 'functions', input: 'text("a")' },
      { type: 'function_call', call_id: 'c2', name: 'ask', namespace: 'collaboration', arguments: '{}' },
      { type: 'custom_tool_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'a' }] },
      { type: 'function_call_output', call_id: 'c2', output: 'yes' },
    ],
    reasoning: { effort: 'low', context: 'all_turns' },
    text: { verbosity: 'low' },
    tool_choice: 'auto',
    parallel_tool_calls: false,
    include: ['reasoning.encrypted_content'],
    store: false,
    prompt_cache_key: 'session',
  },
  'tool-results': {
    input: [
      hi,
      {
        type: 'message',
        role: 'assistant',
        phase: 'commentary',
        content: [{ type: 'output_text', text: 'looking' }],
      },
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"at":"it"}' },
      {
        type: 'function_call_output',
        call_id: 'c1',
        output: [
          { type: 'input_text', text: 'a picture' },
          { type: 'input_image', image_url: PNG, detail: 'low' },
        ],
      },
      { role: 'user', content: 'go on' },
    ],
    tools: [{ type: 'function', name: 'look', parameters: schema, strict: true }],
    tool_choice: { type: 'function', name: 'look' },
  },
  files: {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
          { type: 'input_text', text: 'summarise' },
        ],
      },
    ],
  },
  'json-schema': {
    input: 'hi',
    text: { format: { type: 'json_schema', name: 'place', strict: true, schema } },
  },
  'hosted-tools': {
    input: 'hi',
    tools: [{ type: 'web_search' }, { type: 'function', name: 'look', parameters: schema }],
  },
}

/** What other dialects send to a provider that speaks the Responses API. */
const CHATS: Readonly<Record<string, Body>> = {
  tools: {
    messages: [
      { role: 'system', content: 'be brief' },
      hi,
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: `call_${'x'.repeat(70)}`, type: 'function', function: { name: 'weather', arguments: '' } },
        ],
      },
      { role: 'tool', tool_call_id: `call_${'x'.repeat(70)}`, content: 'rain' },
    ],
    tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }],
    tool_choice: { type: 'function', function: { name: 'weather' } },
    reasoning_effort: 'high',
    response_format: { type: 'json_schema', json_schema: { name: 'place', schema } },
  },
}
const MESSAGES: Readonly<Record<string, Body>> = {
  'tool-results': {
    system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
    messages: [
      hi,
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: '', signature: SEALED },
          { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: 'no such file', is_error: true },
          { type: 'text', text: 'go on' },
        ],
      },
    ],
    thinking: { type: 'adaptive' },
    output_config: { effort: 'high' },
    tools: [{ name: 'look', input_schema: schema }],
    max_tokens: 100,
  },
}

function parse(body: Body): JsonBody {
  return parseJsonBody(new TextEncoder().encode(JSON.stringify({ model: 'm', ...body })))
}

function read(dialect: ClientDialect, body: Body): JsonBody {
  return dialect.readRequest({ body: parse(body), url: '', headers: {} })
}

function toChat(body: JsonBody): object {
  const { changes, dropped } = narrowChat(body.value, {
    reasons: true,
    takesCacheMarks: false,
    takesReasoning: false,
    takesLateSystem: true,
  })
  return { request: JSON.parse(spliceFields(body, changes)) as unknown, dropped }
}

function toAnthropic({ value }: JsonBody): object {
  return writeMessages(value, {
    modelId: 'claude-opus-5-5',
    stream: false,
    maxOutputTokens: 64_000,
    reasons: true,
    takesLateSystem: true,
    open: () => undefined,
  })
}

function toGemini({ value }: JsonBody): object {
  return writeGemini(value, { modelId: 'gemini-3.1-pro', reasons: true, open: () => undefined })
}

function toResponses({ value }: JsonBody): object {
  const open = (sealed: string): string => `opened ${sealed}`
  return writeResponses(value, { modelId: 'gpt', stream: true, reasons: true, open })
}

function written(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function golden(folder: string, name: string): string {
  return join(FOLDER, folder, `${name}.json`)
}

describe('a request of the Responses API', () => {
  test.each(Object.entries(RESPONSES))('%s as a chat', async (name, body) => {
    await expect(written(toChat(read(openAiResponses, body)))).toMatchFileSnapshot(
      golden('responses-to-chat', name),
    )
  })

  test.each(Object.entries(RESPONSES))('%s as a request of the Messages API', async (name, body) => {
    await expect(written(toAnthropic(read(openAiResponses, body)))).toMatchFileSnapshot(
      golden('responses-to-anthropic', name),
    )
  })

  test.each(Object.entries(RESPONSES))('%s as a request of Gemini’s API', async (name, body) => {
    await expect(written(toGemini(read(openAiResponses, body)))).toMatchFileSnapshot(
      golden('responses-to-gemini', name),
    )
  })

  test.each([
    ['conversation', { conversation: 'conv_1' }],
    ['prompt', { prompt: { id: 'p' } }],
    ['tool_choice', { tool_choice: { type: 'web_search' } }],
    ['item_reference', { input: [hi, { type: 'item_reference', id: 'x' }] }],
    ['input_image', { input: [{ role: 'user', content: [{ type: 'input_image', file_id: 'f' }] }] }],
    ['compaction', { input: [hi, { type: 'compaction', encrypted_content: 'x' }] }],
  ])('%s is refused by its name at a provider of chats', (name, fields) => {
    expect(() => toChat(read(openAiResponses, { input: 'hi', ...fields }))).toThrow(name)
  })
})

describe('a request for a provider that speaks the Responses API', () => {
  test.each(Object.entries(CHATS))('%s from a chat', async (name, body) => {
    await expect(written(toResponses(parse(body)))).toMatchFileSnapshot(golden('chat-to-responses', name))
  })

  test.each(Object.entries(MESSAGES))('%s from the Messages API', async (name, body) => {
    await expect(written(toResponses(read(anthropicMessages, body)))).toMatchFileSnapshot(
      golden('anthropic-to-responses', name),
    )
  })
})
